import { defineConfig } from "tsup";
import { library } from "../tsup.base.js";

// Flat outputs: every program and every shared chunk lies directly in `dist/`, so `../` of any of them is this package.
export default defineConfig({
  ...library({
    router: "src/router/main.ts",
    clients: "src/clients/main.ts",
    wire: "src/wire/main.ts",
    online: "src/online/main.ts",
    replay: "src/replay/main.ts",
    client: "src/client/main.ts",
    "bench-client-server": "src/client/server.ts",
    "bench-client-load": "src/client/load.ts",
    money: "src/money/index.ts",
    tails: "src/tails/main.ts",
    profile: "src/profile/main.ts",
    answers: "src/answers/main.ts",
    "bench-answers-work": "src/answers/work.ts",
    lanes: "src/lanes/main.ts",
    "bench-lanes-load": "src/lanes/load.ts",
    "bench-lanes-queue": "src/lanes/queue-work.ts",
    slow: "src/slow/main.ts",
    stack: "src/stack/main.ts",
    "bench-slow-adapter": "src/slow/adapter.ts",
    "bench-slow-readers": "src/slow/readers.ts",
    scale: "src/scale/main.ts",
    "bench-scale-door": "src/scale/door-load.ts",
    "bench-scale-adapter": "src/scale/adapter.ts",
    "bench-scale-balancer": "src/scale/balancer.ts",
    "bench-scale-load": "src/scale/load.ts",
    "bench-adapter": "src/router/adapter.ts",
    "bench-load": "src/router/load.ts",
    "bench-router": "src/clients/router.ts",
    "bench-money-adapter": "src/money/sockets-adapter.ts",
    "bench-wire-server": "src/wire/server.ts",
    "bench-wire-load": "src/wire/load.ts",
    "bench-wire-idle": "src/wire/idle.ts",
    "bench-wire-work": "src/wire/work.ts",
  }),
  tsconfig: "tsconfig.json",
  // The client's tests are bundled from sources; this CommonJS module of theirs cannot be.
  external: ["isomorphic-ws"],
});
