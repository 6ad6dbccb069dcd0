# An example to start from, for OPA: the same decisions as example.yaml, held to it by example-cases.json.
# Serve it with `opa run --server example.rego`, set OPA_URL and policy.path: /v1/data/atp/example/decision.
package atp.example

import rego.v1

allow_tools := {"fs.read", "web.search"}

denials := array.concat(
	array.concat(
		[sprintf("tool %s is not allowed", [tool]) | some tool in input.tool_permissions; not tool in allow_tools],
		["data of scope secret needs the role cleared" | "secret" in input.data_scope; not "cleared" in input.principal.roles],
	),
	array.concat(
		["bronze may not ask every adapter at once" | input.strategy == "fanout"; input.qos == "bronze"],
		array.concat(
			["a window over a dollar needs the role spender" | input.window.max_usd_micros > 1000000; not "spender" in input.principal.roles],
			["a quorum needs two adapters" | input.strategy == "quorum"; count(input.adapters) < 2],
		),
	),
)

lane := {"lane": "silver"} if {
	input.qos == "gold"
	not "gold" in input.principal.roles
} else := {}

window := {"window": {"max_usd_micros": 20000}} if input.meta.environment_id == "dev"

else := {}

redact := {"redact": ["email", "phone"]} if "pii" in input.data_scope

else := {}

# Several rules may say what adapters need, and what is forbidden: together, in the order of example.yaml.
required := array.concat(
	["region:eu" | "pii" in input.data_scope],
	["code" | input.task_type == "code_review"],
)

tags := {"require_tags": required} if count(required) > 0

else := {}

# A security group is a claim of the client: it may narrow, never grant.
forbidden := array.concat(
	["memory" | "no_training" in input.data_scope],
	["log" | "contractors" in input.meta.security_groups],
)

forbid := {"forbid": forbidden} if count(forbidden) > 0

else := {}

quorum := {"quorum": 2} if input.task_type == "medical"

else := {}

decision := {"allow": false, "reasons": denials} if count(denials) > 0

# Without lists to judge the decision is undefined, which the router takes as a denial.
decision := object.union_n([{"allow": true, "reasons": []}, lane, window, tags, redact, forbid, quorum]) if {
	is_array(input.tool_permissions)
	is_array(input.data_scope)
	count(denials) == 0
}
