import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { AtpProvider } from "atp-client/react";
import { App } from "./shell/app.js";
import { client } from "./shell/client.js";
import "./frames/log.js";

const element = document.getElementById("root");
if (element === null) throw new Error("index.html has no #root");
createRoot(element).render(
  <StrictMode>
    <AtpProvider client={client}>
      <App />
    </AtpProvider>
  </StrictMode>,
);
