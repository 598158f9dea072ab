-- Keeps something, if nothing of what it belongs to has changed since it was asked for. What is not
-- there any more has changed.
--
-- KEYS: what it belongs to, then where it is kept.
-- ARGV: how many of the former there are, and for how many seconds it is kept; of each of them what
-- it was, and "1" where it must outlive what is kept; then what is kept.
local count, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])

for i = 1, count do
  if redis.call('GET', KEYS[i]) ~= ARGV[1 + 2 * i] then
    return 0
  end
end

for i = 1, count do
  if ARGV[2 + 2 * i] == '1' and redis.call('TTL', KEYS[i]) < ttl + 60 then
    redis.call('EXPIRE', KEYS[i], ttl + 60)
  end
end

for i = count + 1, #KEYS do
  redis.call('SET', KEYS[i], ARGV[2 + count + i], 'EX', ttl)
end

return 1
