"""The Lua scripts that make a change atomic. Only commands of Redis 7.0, so Redis 7 and 8 and Valkey serve alike.

Rules: all checks come before the first write (a script is not rolled back); the time is the server's; every key of one
script has the same hash tag.

Memory, disk and replica refusals are asked for by the server at a script's first write only, so they find nothing half
done. A right taken away amid a script is not foreseen; so entries come before the snapshot that says they were written:
an entry written twice is skipped by its n, one that is missing would be lost.
"""

from hashlib import sha1


class Script:
    """A script's text and the SHA1 by which the server knows it."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)"

# KEYS: state, then the streams that are written. ARGV: owner, epoch, expected commit number, lease in ms, wall clock,
# number of fields, of entries, of trims; field, value ...; stream index, maxlen (0: none), t, k, n, h, tr, d ...;
# stream index, lowest id to keep ...
COMMIT = Script(f"""
{_NOW}
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'until', 'seq')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] or tonumber(held[3]) < now then return 'FENCED' end
if (held[4] or '0') ~= ARGV[3] then return 'CONFLICT' end
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'stream' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kind .. ', not a stream')
  end
end
local fields, entries, trims = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local w = ARGV[5]
local at = 9 + 2 * fields
for _ = 1, entries do
  local key = KEYS[tonumber(ARGV[at])]
  if ARGV[at + 1] == '0' then
    redis.call('XADD', key, '*', 't', ARGV[at + 2], 'k', ARGV[at + 3], 'n', ARGV[at + 4],
      'h', ARGV[at + 5], 'tr', ARGV[at + 6], 'd', ARGV[at + 7], 'w', w)
  else
    redis.call('XADD', key, 'MAXLEN', '~', ARGV[at + 1], '*', 't', ARGV[at + 2], 'k', ARGV[at + 3], 'n', ARGV[at + 4],
      'h', ARGV[at + 5], 'tr', ARGV[at + 6], 'd', ARGV[at + 7], 'w', w)
  end
  at = at + 8
end
for first = 1009, 8 + 2 * fields, 1000 do
  redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 999, 8 + 2 * fields)))
end
redis.call('HSET', KEYS[1], 'seq', string.format('%.0f', tonumber(ARGV[3]) + 1),
  'until', string.format('%.0f', now + tonumber(ARGV[4])), unpack(ARGV, 9, math.min(1008, 8 + 2 * fields)))
for _ = 1, trims do
  redis.call('XTRIM', KEYS[tonumber(ARGV[at])], 'MINID', '~', ARGV[at + 1])
  at = at + 2
end
return 'OK'
""")

# KEYS: state. ARGV: owner, lease in ms. Returns the new epoch, or 0 when somebody else's lease is good.
ACQUIRE = Script(f"""
{_NOW}
local held = redis.call('HMGET', KEYS[1], 'owner', 'until')
if held[1] and held[1] ~= '' and held[1] ~= ARGV[1] and tonumber(held[2]) >= now then return 0 end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', string.format('%.0f', now + tonumber(ARGV[2])))
return epoch
""")

# KEYS: state. ARGV: owner, epoch, lease in ms (0 gives the partition up). Returns 1, or 0 when it is not ours.
RENEW = Script(f"""
{_NOW}
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'until')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
if ARGV[3] == '0' then
  redis.call('HSET', KEYS[1], 'owner', '', 'until', '0')
  return 1
end
if tonumber(held[3]) < now then return 0 end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + tonumber(ARGV[3])))
return 1
""")

# KEYS: members. ARGV: owner, time to live in ms (0 leaves). Returns owner, order of coming, ... of all living ones.
JOIN = Script(f"""
{_NOW}
local living = {{}}
local known = false
local highest = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local order, till = string.match(all[i + 1], '^(%d+) (%d+)$')
  order = tonumber(order)
  if order > highest then highest = order end
  if all[i] == ARGV[1] then
    known = order
  elseif tonumber(till) < now then
    redis.call('HDEL', KEYS[1], all[i])
  else
    living[#living + 1] = all[i]
    living[#living + 1] = order
  end
end
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return living
end
local order = known or (highest + 1)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f', order, now + tonumber(ARGV[2])))
living[#living + 1] = ARGV[1]
living[#living + 1] = order
return living
""")
