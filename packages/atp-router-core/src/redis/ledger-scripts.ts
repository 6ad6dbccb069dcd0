/**
 * The ledger's operations as Lua, one script each, so that each is one step for everybody (A7.1, A7.2). They are the pure ledger of
 * `src/money/ledger.ts` over hashes: the same guards in the same order. Numbers are doubles in Lua and exact to 2^53, which is where
 * amounts end; they are written with `%.0f`, because Lua's own text of a number stops at 14 digits.
 *
 * A hold is the hash KEYS[1]: `k` its scopes' keys, `p` `t` `u` what it holds, `e` its expiry, `d` dispatched, `x<n>` extensions that
 * were granted, or `r` alone once it is resolved. A scope is a hash: `mp` `mt` `mu` ceilings, `pt` `pu` posted, `rp` `rt` `ru`
 * reserved, `o` open holds, `f` forgotten.
 */
const prelude = `
local MAX = 9007199254740991
local function text(v) return string.format('%.0f', v) end
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function load(key)
  local r = redis.call('HMGET', key, 'mp', 'mt', 'mu', 'pt', 'pu', 'rp', 'rt', 'ru', 'o')
  if not r[1] then return nil end
  return { mp = tonumber(r[1]), mt = tonumber(r[2]), mu = tonumber(r[3]), pt = tonumber(r[4]), pu = tonumber(r[5]),
    rp = tonumber(r[6]), rt = tonumber(r[7]), ru = tonumber(r[8]), o = tonumber(r[9]) }
end
local function save(key, a)
  redis.call('HSET', key, 'pt', text(a.pt), 'pu', text(a.pu), 'rp', text(a.rp), 'rt', text(a.rt), 'ru', text(a.ru), 'o', text(a.o))
end
local function fits(a, p, t, u)
  if p > 0 and a.rp + p > a.mp then return false end
  if t > 0 and a.pt + a.rt + t > a.mt then return false end
  if u > 0 and a.pu + a.ru + u > a.mu then return false end
  return true
end
local function told(all, waiting)
  redis.call('SET', waiting, '1', 'PX', 60000)
  local r = { 0 }
  for i = 1, #all do
    local a = all[i]
    for _, v in ipairs({ a.mp, a.mt, a.mu, a.pt, a.pu, a.rp, a.rt, a.ru }) do r[#r + 1] = text(v) end
  end
  return r
end
local function room(waiting, channel)
  if redis.call('DEL', waiting) == 1 then redis.call('PUBLISH', channel, '1') end
end
local function forgotten(key)
  local o = redis.call('HGET', key, 'o')
  if not o then return end
  if tonumber(o) > 0 then redis.call('HSET', key, 'f', '1') else redis.call('DEL', key) end
end
local function resolve(key, h, tokens, usd, id, expiries)
  local p, t, u = tonumber(h[2]), tonumber(h[3]), tonumber(h[4])
  for scope in string.gmatch(h[1], '[^\\n]+') do
    local a = load(scope)
    if a then
      a.rp = a.rp - p
      a.rt = a.rt - t
      a.ru = a.ru - u
      a.o = a.o - 1
      a.pt = math.min(MAX, a.pt + tokens)
      a.pu = math.min(MAX, a.pu + usd)
      if a.o == 0 and redis.call('HGET', scope, 'f') == '1' then redis.call('DEL', scope) else save(scope, a) end
    end
  end
  redis.call('DEL', key)
  redis.call('HSET', key, 'r', '1')
  redis.call('PEXPIRE', key, 3600000)
  redis.call('ZREM', expiries, id)
  return p > 0 or tokens < t or usd < u
end
`;

/**
 * KEYS expiries, waiting, holds..., scopes...; ARGV now, ttl, how many holds, then for each hold p, t, u, id, '1' when its call leaves at once,
 * then for each scope mp, mt, mu, ms to keep it unused ('' for ever). All of the holds are granted, or none.
 */
const reserve = `${prelude}
local n = tonumber(ARGV[3])
local fresh, p, t, u = {}, 0, 0, 0
for i = 1, n do
  local at = 4 + (i - 1) * 5
  local h = redis.call('HMGET', KEYS[2 + i], 'r', 'e')
  if h[1] then return { 2 } end
  if not h[2] then
    fresh[#fresh + 1] = i
    p = p + tonumber(ARGV[at])
    t = t + tonumber(ARGV[at + 1])
    u = u + tonumber(ARGV[at + 2])
  elseif ARGV[at + 4] == '1' then
    redis.call('HSET', KEYS[2 + i], 'd', '1')
  end
end
if #fresh == 0 then return { 1 } end
local all, ok = {}, true
for i = 3 + n, #KEYS do
  local at = 4 + n * 5 + (i - 3 - n) * 4
  local a = load(KEYS[i])
  if not a then
    a = { mp = tonumber(ARGV[at]), mt = tonumber(ARGV[at + 1]), mu = tonumber(ARGV[at + 2]), pt = 0, pu = 0, rp = 0, rt = 0, ru = 0,
      o = 0 }
    redis.call('HSET', KEYS[i], 'mp', text(a.mp), 'mt', text(a.mt), 'mu', text(a.mu))
    save(KEYS[i], a)
    if ARGV[at + 3] ~= '' then redis.call('PEXPIRE', KEYS[i], ARGV[at + 3]) end
  end
  all[#all + 1] = a
  if not fits(a, p, t, u) then ok = false end
end
if not ok then return told(all, KEYS[2]) end
local names = {}
for i = 1, #all do
  local key, a = KEYS[2 + n + i], all[i]
  a.rp = a.rp + p
  a.rt = a.rt + t
  a.ru = a.ru + u
  a.o = a.o + #fresh
  save(key, a)
  redis.call('HDEL', key, 'f')
  local keep = ARGV[7 + n * 5 + (i - 1) * 4]
  if keep ~= '' then redis.call('PEXPIRE', key, keep) end
  names[i] = key
end
local e = text(clock(ARGV[1]) + tonumber(ARGV[2]) + 5000)
local of = table.concat(names, '\\n')
for _, i in ipairs(fresh) do
  local at = 4 + (i - 1) * 5
  redis.call('HSET', KEYS[2 + i], 'k', of, 'p', ARGV[at], 't', ARGV[at + 1], 'u', ARGV[at + 2], 'e', e)
  if ARGV[at + 4] == '1' then redis.call('HSET', KEYS[2 + i], 'd', '1') end
  redis.call('ZADD', KEYS[1], e, ARGV[at + 3])
end
return { 1 }
`;

/** KEYS hold, waiting; ARGV attempt, p, t, u. */
const extend = `${prelude}
local h = redis.call('HMGET', KEYS[1], 'k', 'p', 't', 'u', 'r', 'x' .. ARGV[1])
if not h[1] or h[5] then return { 2 } end
if h[6] then return { 1 } end
local p, t, u = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local keys, all, ok = {}, {}, true
for scope in string.gmatch(h[1], '[^\\n]+') do
  local a = load(scope)
  if not a then return { 2 } end
  keys[#keys + 1] = scope
  all[#all + 1] = a
  if not fits(a, p, t, u) then ok = false end
end
if not ok then return told(all, KEYS[2]) end
for i = 1, #all do
  local a = all[i]
  a.rp = a.rp + p
  a.rt = a.rt + t
  a.ru = a.ru + u
  save(keys[i], a)
end
redis.call('HSET', KEYS[1], 'p', text(tonumber(h[2]) + p), 't', text(tonumber(h[3]) + t), 'u', text(tonumber(h[4]) + u),
  'x' .. ARGV[1], '1')
return { 1 }
`;

/** KEYS hold. */
const dispatched = `
if redis.call('HEXISTS', KEYS[1], 'e') == 1 then redis.call('HSET', KEYS[1], 'd', '1') end
return 1
`;

/** KEYS hold. */
const recalled = `
redis.call('HDEL', KEYS[1], 'd')
return 1
`;

/** KEYS hold, expiries, waiting, scopes that are forgotten with it...; ARGV id, tokens, usd ('' posts what is held), channel. */
const settle = `${prelude}
local h = redis.call('HMGET', KEYS[1], 'k', 'p', 't', 'u', 'r')
if not h[1] or h[5] then
  for i = 4, #KEYS do forgotten(KEYS[i]) end
  return 0
end
local tokens = tonumber(ARGV[2] ~= '' and ARGV[2] or h[3])
local usd = tonumber(ARGV[3] ~= '' and ARGV[3] or h[4])
local freed = resolve(KEYS[1], h, tokens, usd, ARGV[1], KEYS[2])
for i = 4, #KEYS do forgotten(KEYS[i]) end
if freed then room(KEYS[3], ARGV[4]) end
return freed and 1 or 0
`;

/** KEYS hold, expiries, waiting; ARGV id, channel. */
const release = `${prelude}
local h = redis.call('HMGET', KEYS[1], 'k', 'p', 't', 'u', 'r')
if h[5] then return 0 end
if not h[1] then
  redis.call('HSET', KEYS[1], 'r', '1')
  redis.call('PEXPIRE', KEYS[1], 3600000)
  return 0
end
resolve(KEYS[1], h, 0, 0, ARGV[1], KEYS[2])
room(KEYS[3], ARGV[2])
return 1
`;

/** KEYS expiries, waiting; ARGV now, how many at most, what hold keys begin with, channel. */
const sweep = `${prelude}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(clock(ARGV[1])), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  local key = ARGV[3] .. id
  local h = redis.call('HMGET', key, 'k', 'p', 't', 'u', 'd')
  if not h[1] then redis.call('ZREM', KEYS[1], id)
  elseif h[5] then resolve(key, h, tonumber(h[3]), tonumber(h[4]), id, KEYS[1])
  else resolve(key, h, 0, 0, id, KEYS[1]) end
end
if #due > 0 then room(KEYS[2], ARGV[4]) end
return due
`;

/** KEYS scope, waiting; ARGV mp, mt, mu, channel. */
const limit = `${prelude}
local a = load(KEYS[1])
redis.call('HSET', KEYS[1], 'mp', ARGV[1], 'mt', ARGV[2], 'mu', ARGV[3])
if not a then
  redis.call('HSET', KEYS[1], 'pt', '0', 'pu', '0', 'rp', '0', 'rt', '0', 'ru', '0', 'o', '0')
  return 0
end
if tonumber(ARGV[1]) > a.mp or tonumber(ARGV[2]) > a.mt or tonumber(ARGV[3]) > a.mu then
  room(KEYS[2], ARGV[4])
  return 1
end
return 0
`;

/** KEYS scope. */
const forget = `${prelude}
forgotten(KEYS[1])
return 1
`;

/** Every operation's script. */
export const ledgerScripts = { reserve, extend, dispatched, recalled, settle, release, sweep, limit, forget };
