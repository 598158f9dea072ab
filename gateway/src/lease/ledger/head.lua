-- Who speaks, and what the nodes are: the beginning of both scripts. What is said of subjects stands
-- behind it, in `buckets.lua` or `windows.lua`.
--
-- Everything that a node says is absolute, so that saying it twice changes nothing:
-- KEYS: the nodes, this node's last number, then those of the subjects.
-- ARGV: node, number, the last number that was answered, milliseconds until a silent node is
-- forgotten, 1 if this node leaves, 1 if it says again what this server has forgotten, then what is
-- said of the subjects.
-- Answer: how many nodes there are, 1 if this server has forgotten things, its time in milliseconds,
-- then what is to say of each subject.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local node, number = ARGV[1], tonumber(ARGV[2])
local heard = tonumber(ARGV[3])
-- The last number of the node, and from which one on nothing was forgotten.
local last, from = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%d+)$')
last, from = tonumber(last or 0), tonumber(from or number)
-- What a server that hung does late must not undo what came after it.
if number <= last then
  return redis.error_reply('STALE an earlier number')
end
-- This is another server, an emptied one, or one that came back with what it knew some time ago.
if last < heard then
  from = number
end
-- It is said until the node has heard it.
local forgot = heard > 0 and heard < from
redis.call('SET', KEYS[2], string.format('%.0f %.0f', number, from), 'PX', 86400000)
if ARGV[5] == '1' then
  redis.call('ZREM', KEYS[1], node)
else
  redis.call('ZADD', KEYS[1], now / 1000, node)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now / 1000 - ARGV[4])
redis.call('PEXPIRE', KEYS[1], 86400000)
local again = forgot or ARGV[6] == '1'
local answer = { redis.call('ZCARD', KEYS[1]), forgot and 1 or 0, math.floor(now / 1000) }
