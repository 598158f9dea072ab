-- The buckets that nodes share: each a hash with its theoretical arrival time (GCRA, microseconds
-- of this server), what each node has taken from it so far, and under the node's name with a + how
-- much of that it holds without having spent it.
--
-- Everything that a node says is absolute, so that saying it twice changes nothing:
-- KEYS: the nodes, this node's last number, then one bucket per subject.
-- ARGV: node, number, the last number that was answered, milliseconds until a silent node is
-- forgotten, 1 if this node leaves, 1 if it says again what this server has forgotten, then
-- per bucket: interval and tolerance in microseconds, spent, what was spent at its last answer, how many
-- it wants to hold, the level in microseconds as the node remembers it, "done" if the node has done
-- with it, and what may be owed in microseconds.
-- Answer: how many nodes there are, 1 if this server has forgotten things, then per bucket: taken,
-- level in microseconds, how many requests of it all nodes hold, and by how many requests what was
-- spent without a grant went beyond it.
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
local answer = { redis.call('ZCARD', KEYS[1]), forgot and 1 or 0 }
for i = 3, #KEYS do
  local a = 7 + (i - 3) * 8
  local interval, tolerance = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
  local spent, wanted = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 4])
  local arrival, taken, held = nil, nil, 0
  local bucket = redis.call('HGETALL', KEYS[i])
  for f = 1, #bucket, 2 do
    if bucket[f] == 'arrival' then
      arrival = tonumber(bucket[f + 1])
    elseif bucket[f] == node then
      taken = tonumber(bucket[f + 1])
    elseif bucket[f]:sub(-1) == '+' and bucket[f] ~= node .. '+' then
      held = held + bucket[f + 1]
    end
  end
  local known = tonumber(ARGV[a + 3])
  -- A server that came back with what it knew some time ago has not counted what came since.
  local is_old = taken and taken < known
  if not taken or is_old then
    taken = known
  end
  if not arrival or is_old or again then
    -- What the node remembers was spent; what is held comes on top of it.
    local all = held + math.max(taken - spent, 0)
    arrival = math.max(arrival or 0, now + ARGV[a + 5] + all * interval)
  end
  arrival = math.max(arrival, now)
  local over = 0
  if spent > taken then
    -- Spent without a grant: it is counted all the same.
    local before = math.max(arrival - now - tolerance, 0)
    arrival = arrival + (spent - taken) * interval
    over = math.max(arrival - now - tolerance, 0) - before
  else
    arrival = math.max(arrival - (taken - spent) * interval, now)
  end
  -- Nobody owes more than that, whatever was spent, also when the server's clock has gone back.
  local most = tolerance + math.max(tolerance, tonumber(ARGV[a + 7])) + held * interval
  arrival = math.min(arrival, now + most)
  local free = math.floor((tolerance - (arrival - now)) / interval)
  local granted = math.max(math.min(wanted, free), 0)
  arrival = arrival + granted * interval
  taken = spent + granted
  if ARGV[a + 6] == 'done' then
    redis.call('HDEL', KEYS[i], node, node .. '+')
    if arrival > now then
      redis.call('HSET', KEYS[i], 'arrival', string.format('%.3f', arrival))
    else
      redis.call('HDEL', KEYS[i], 'arrival')
    end
  else
    redis.call('HSET', KEYS[i], 'arrival', string.format('%.3f', arrival), node, string.format('%.0f', taken), node .. '+', granted)
  end
  redis.call('PEXPIRE', KEYS[i], math.ceil((arrival - now) / 1000) + 60000)
  answer[#answer + 1] = taken
  answer[#answer + 1] = math.floor(arrival - now)
  answer[#answer + 1] = held + granted
  answer[#answer + 1] = math.ceil(over / interval)
end
return answer
