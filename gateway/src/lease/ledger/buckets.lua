-- The buckets that nodes share: each a hash with its theoretical arrival time (GCRA, microseconds
-- of this server), what each node has taken from it so far, and under the node's name with a + how
-- much of that it holds without having spent it.
--
-- KEYS: one per bucket.
-- ARGV, per bucket: interval and tolerance in microseconds, spent, what was spent at its last answer,
-- how many it wants to hold, the level in microseconds as the node remembers it, "done" if the node
-- has done with it, and what may be owed in microseconds.
-- Answer, per bucket: taken, level in microseconds, how many requests of it all nodes hold, and by
-- how many requests what was spent without a grant went beyond it.
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
