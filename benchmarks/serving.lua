-- For wrk: asks for one path after the other, from a file of one a line, and says as JSON what came of it.
local paths = {}

function init(arguments)
  for line in io.lines(arguments[1]) do paths[#paths + 1] = line end
  at = 0
end

function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"rate": %.1f, "p50": %.6f, "p99": %.6f, "errors": %d}\n',
    summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
