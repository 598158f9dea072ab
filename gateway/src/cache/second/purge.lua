-- Does purges of an API, unless others have done some since it was asked what was done: what is
-- younger than those is not taken out once more, and the note never goes back.
--
-- KEYS: the note, then the generations that go.
-- ARGV: what the note said, "" for nothing; what it says from then on, "" where more follows; for how
-- many seconds it stands.
local was = redis.pcall('GET', KEYS[1]) or ''

-- What is no text at all says nothing, and is written over.
if type(was) == 'table' then
  was = ''
end

if was ~= ARGV[1] then
  return 0
end

for i = 2, #KEYS do
  redis.call('UNLINK', KEYS[i])
end

if ARGV[2] ~= '' then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end

return 1
