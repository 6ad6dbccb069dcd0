# The embedded default policy for OPA: the same decisions as the CEL form, held to it by cases.json.
# Serve it with `opa run --server policy.rego` and set OPA_URL.
package atp

import rego.v1

allow_tools := {"fs.read"}

# In the order asked, as the CEL form gives them.
denied := [tool | some tool in input.tool_permissions; not tool in allow_tools]

reasons := [sprintf("tool %s is not allowed", [tool]) | some tool in denied]

# Without a list to judge the decision is undefined, which the router takes as a denial.
decision := {"allow": count(denied) == 0, "reasons": reasons} if is_array(input.tool_permissions)
