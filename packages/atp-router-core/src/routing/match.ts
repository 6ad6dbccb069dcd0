import type { Lane, Route, Task } from "../model/index.js";

/** The first route that matches a task; none when the table has none for it. */
export function matchRoute(routes: readonly Route[], task: Task, qos: Lane): Route | undefined {
  return routes.find(
    ({ match }) =>
      (match.taskType === undefined || match.taskType === task.taskType) &&
      (match.qos === undefined || match.qos === qos),
  );
}

/** A route to the adapters that a client names by `meta.adapters`, as far as its own route allows them. */
export function narrowRoute(route: Route | undefined, named: unknown): Route | undefined {
  if (!Array.isArray(named) || !named.every((name): name is string => typeof name === "string")) return route;
  const adapters = route?.adapters === undefined ? named : named.filter((name) => route.adapters?.includes(name));
  return { match: {}, ...route, adapters };
}
