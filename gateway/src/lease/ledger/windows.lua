-- The windows that nodes share: of each subject and window a hash with what each node has counted in
-- it, and under the node's name with a + what it may count beyond that.
--
-- KEYS, per window: its own, and that of the window before.
-- ARGV, per window: the limit, what the node has counted in it, what it wants to count beyond, what it
-- has counted in the window before, milliseconds that are left of it, or 0 if the window before does
-- not count, and how many it has.
-- Answer, per window: what the others have counted in it, what they have counted in the window before,
-- how much more this node may count, how much nobody has then, and how much of what it has told of
-- now is above the limit.
for i = 3, #KEYS, 2 do
  local a = 7 + (i - 3) * 3
  local limit, count, wanted = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local own, rest, length = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  local used, held, told = 0, 0, 0
  local window = redis.call('HGETALL', KEYS[i])
  for f = 1, #window, 2 do
    local name, number = window[f], tonumber(window[f + 1])
    if name == node then
      told = number
    elseif name:sub(-1) ~= '+' then
      used = used + number
    elseif name ~= node .. '+' then
      held = held + number
    end
  end
  local before = 0
  if rest > 0 then
    -- Of the window before, this is the node's last word. What another still held there it may have
    -- used, until it has said so.
    local former = KEYS[i + 1]
    redis.call('HDEL', former, node, node .. '+')
    if own > 0 then
      redis.call('HSET', former, node, own)
      redis.call('PEXPIRE', former, length * 2)
    end
    for _, number in ipairs(redis.call('HVALS', former)) do
      before = before + tonumber(number)
    end
  end
  local all = math.ceil(before * rest / length) + used + count
  local over = math.max(all - limit, 0) - math.max(all - count + told - limit, 0)
  local free = math.max(limit - all - held, 0)
  local granted = math.min(wanted, free)
  redis.call('HSET', KEYS[i], node, string.format('%.0f', count), node .. '+', granted)
  redis.call('PEXPIRE', KEYS[i], length * 2 + 1000)
  answer[#answer + 1] = used
  answer[#answer + 1] = math.max(before - own, 0)
  answer[#answer + 1] = granted
  answer[#answer + 1] = free - granted
  answer[#answer + 1] = math.max(over, 0)
end
return answer
