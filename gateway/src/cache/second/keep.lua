-- Keeps something, if none of the generations that it belongs to has changed since it was asked for.
--
-- KEYS: the generations, then where it is kept.
-- ARGV: how many generations there are, and for how many seconds it is kept; for each generation
-- what it was ("" for none) and what it becomes where there is none ("" where that is nobody's to
-- say); then what is kept.
local count, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])

for i = 1, count do
  local now = redis.call('GET', KEYS[i]) or ''
  if now ~= ARGV[1 + 2 * i] then
    return 0
  end
end

-- A generation outlives what belongs to it.
for i = 1, count do
  local was, new = ARGV[1 + 2 * i], ARGV[2 + 2 * i]
  if new ~= '' then
    if was == '' then
      redis.call('SET', KEYS[i], new, 'EX', ttl + 60)
    elseif redis.call('TTL', KEYS[i]) < ttl + 60 then
      redis.call('EXPIRE', KEYS[i], ttl + 60)
    end
  end
end

for i = count + 1, #KEYS do
  redis.call('SET', KEYS[i], ARGV[2 + count + i], 'EX', ttl)
end

return 1
