import type { Lane, Route, Task } from "../model/index.js";

/** The first route that matches a task; none when the table has none for it. */
export function matchRoute(routes: readonly Route[], task: Task, qos: Lane): Route | undefined {
  return routes.find(
    ({ match }) =>
      (match.taskType === undefined || match.taskType === task.taskType) &&
      (match.qos === undefined || match.qos === qos),
  );
}
