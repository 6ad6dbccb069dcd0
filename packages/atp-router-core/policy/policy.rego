# The embedded default policy for OPA: the same decisions as the CEL form, held to it by cases.json.
# Serve it with `opa run --server policy.rego` and set OPA_URL.
package atp

import rego.v1

allow_tools := {"fs.read"}

denied_tools contains tool if {
	some tool in input.tool_permissions
	not tool in allow_tools
}

reasons := [sprintf("tool %s is not allowed", [tool]) | some tool in sort(denied_tools)]

decision := {"allow": count(denied_tools) == 0, "reasons": reasons}
