"""The Lua scripts that make a change atomic. Only commands of Redis 7.0, so Redis 7 and 8 and Valkey serve alike.

Rules: all checks come before the first write (a script is not rolled back); the time is the server's; every key of one
script has the same hash tag.

That time may be set. Set forward, it ends every lease. Set back, it would let a lease last for as long as the step is,
and nobody could take what a dead owner held: so one that lasts for more than two leases from now is over, too. Nobody
trusts the time for more than who may try: the epoch decides who may write.

Memory, disk and replica refusals are asked for by the server at a script's first write only, so they find nothing half
done. A right taken away amid a script is not foreseen; so entries come before the snapshot that says they were written:
an entry written twice is skipped by its n, one that is missing would be lost.
"""

from hashlib import sha1


class Script:
    """A script has its text, and the SHA1 by which the server knows it."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)"
_OVER = "local function over(till, lease) return till < now or till > now + 2 * lease end"

# KEYS: state, then the streams that get entries, then those that are trimmed. ARGV: owner, epoch, expected commit
# number, lease in ms, wall clock, number of fields, of streams that get entries; field, value ...; for each stream:
# maxlen (0: none), number of entries, each entry's t, k, n, h, tr, d; for each stream to trim: the lowest id to keep.
COMMIT = Script(f"""
{_NOW}
{_OVER}
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'until', 'seq')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] or over(tonumber(held[3]), tonumber(ARGV[4])) then return 'FENCED' end
if (held[4] or '0') ~= ARGV[3] then return 'CONFLICT' end
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'stream' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kind .. ', not a stream')
  end
end
local call, argv, w = redis.call, ARGV, ARGV[5]
local last_field, written = 7 + 2 * tonumber(argv[6]), 1 + tonumber(argv[7])
local at = last_field + 1
for i = 2, written do
  local key, maxlen, upto = KEYS[i], argv[at], at + 1 + 6 * tonumber(argv[at + 1])
  at = at + 2
  while at <= upto do
    if maxlen == '0' then
      call('XADD', key, '*', 't', argv[at], 'k', argv[at + 1], 'n', argv[at + 2], 'h', argv[at + 3],
        'tr', argv[at + 4], 'd', argv[at + 5], 'w', w)
    else
      call('XADD', key, 'MAXLEN', '~', maxlen, '*', 't', argv[at], 'k', argv[at + 1], 'n', argv[at + 2],
        'h', argv[at + 3], 'tr', argv[at + 4], 'd', argv[at + 5], 'w', w)
    end
    at = at + 6
  end
end
for first = 1008, last_field, 1000 do
  call('HSET', KEYS[1], unpack(argv, first, math.min(first + 999, last_field)))
end
call('HSET', KEYS[1], 'seq', string.format('%.0f', tonumber(argv[3]) + 1),
  'until', string.format('%.0f', now + tonumber(argv[4])), unpack(argv, 8, math.min(1007, last_field)))
for i = written + 1, #KEYS do
  call('XTRIM', KEYS[i], 'MINID', '~', argv[at])
  at = at + 1
end
return 'OK'
""")

# KEYS: state. ARGV: owner, lease in ms. Returns the new epoch, or 0 when somebody else's lease is good.
ACQUIRE = Script(f"""
{_NOW}
{_OVER}
local held = redis.call('HMGET', KEYS[1], 'owner', 'until')
if held[1] and held[1] ~= '' and held[1] ~= ARGV[1] and not over(tonumber(held[2]), tonumber(ARGV[2])) then return 0 end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', string.format('%.0f', now + tonumber(ARGV[2])),
  'taken', string.format('%.0f', now))
return epoch
""")

# KEYS: state. ARGV: owner, epoch, lease in ms (0 gives the partition up). Returns 1, or 0 when it is not ours.
RENEW = Script(f"""
{_NOW}
{_OVER}
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'until')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
if ARGV[3] == '0' then
  redis.call('HSET', KEYS[1], 'owner', '', 'until', '0')
  return 1
end
if over(tonumber(held[3]), tonumber(ARGV[3])) then return 0 end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + tonumber(ARGV[3])))
return 1
""")

# KEYS: replicas. ARGV: instance, `instance owner`, time to live in ms (0 leaves), wire that it knows, ms for which all
# must know a newer one before it is raised, a note for a person. Returns the wire that stands here, then field, order
# of coming, ... of the instance's living ones; to who leaves, the wire alone. Who does not know that wire is not taken
# in: nothing is shared with it. A replica has four numbers, the last its time to live, since not all may have the same,
# and its note; a version before wrote three, and a later one may write more. What has no three numbers is no replica's,
# and struck off.
JOIN = Script(f"""
{_NOW}
{_OVER}
local mine, ttl, living, known, highest = tonumber(ARGV[4]), tonumber(ARGV[3]), {{}}, false, 0
local stands = tonumber(redis.call('HGET', KEYS[1], 'wire') or ARGV[4]) or mine
if ttl == 0 then
  redis.call('HDEL', KEYS[1], ARGV[2])
  return {{stands}}
end
if mine < stands then return {{stands}} end
local lowest = mine
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local instance = string.match(all[i], '^(%S+) ')
  if instance then
    local order, till, wire, theirs = string.match(all[i + 1], '^(%d+) (%d+) (%d+) ?(%d*)')
    order = tonumber(order)
    if order and instance == ARGV[1] and order > highest then highest = order end
    if all[i] == ARGV[2] then
      known = order or false
    elseif not order or over(tonumber(till), math.max(ttl, tonumber(theirs) or 0)) then
      redis.call('HDEL', KEYS[1], all[i])
    else
      lowest = math.min(lowest, tonumber(wire))
      if instance == ARGV[1] then
        living[#living + 1] = all[i]
        living[#living + 1] = order
      end
    end
  end
end
if lowest <= stands then
  redis.call('HSET', KEYS[1], 'wire', string.format('%.0f', stands))
  redis.call('HDEL', KEYS[1], 'next')
else
  local wire, since = string.match(redis.call('HGET', KEYS[1], 'next') or '', '^(%d+) (%d+)$')
  if tonumber(wire) ~= lowest or tonumber(since) > now then
    since = now
    redis.call('HSET', KEYS[1], 'next', string.format('%.0f %.0f', lowest, now))
  end
  if now - tonumber(since) >= tonumber(ARGV[5]) then
    stands = lowest
    redis.call('HSET', KEYS[1], 'wire', string.format('%.0f', stands))
    redis.call('HDEL', KEYS[1], 'next')
  end
end
local order = known or (highest + 1)
local entry = string.format('%.0f %.0f %.0f %.0f %s', order, now + ttl, mine, ttl, ARGV[6])
redis.call('HSET', KEYS[1], ARGV[2], entry)
living[#living + 1] = ARGV[2]
living[#living + 1] = order
return {{stands, unpack(living)}}
""")
