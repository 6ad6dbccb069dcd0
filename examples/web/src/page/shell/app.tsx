import { useState } from "react";
import type { ReactElement } from "react";
import { FrameInspector } from "../frames/frame-inspector.js";
import { LanesView } from "../lanes/lanes-view.js";
import { RunView } from "../run/run-view.js";
import { Connection } from "./connection.js";
import { Tabs } from "./tabs.js";
import { ThemeChoice } from "./theme.js";

const tabs = [
  { id: "run", title: "Run" },
  { id: "frames", title: "Frames" },
  { id: "lanes", title: "Lanes" },
];

/** The page. A run goes on while another view is looked at. */
export function App(): ReactElement {
  const [tab, setTab] = useState("run");
  const panel = (id: string): { id: string; role: "tabpanel"; "aria-labelledby": string; hidden: boolean } => ({
    id: `panel-${id}`,
    role: "tabpanel",
    "aria-labelledby": `tab-${id}`,
    hidden: tab !== id,
  });
  return (
    <>
      <header className="top">
        <h1>
          ATP <small>see the router think</small>
        </h1>
        <Connection />
        <ThemeChoice />
      </header>
      <main>
        <Tabs tabs={tabs} chosen={tab} onChoose={setTab} />
        <div {...panel("run")}>
          <RunView />
        </div>
        <div {...panel("frames")}>{tab === "frames" && <FrameInspector />}</div>
        <div {...panel("lanes")}>{tab === "lanes" && <LanesView />}</div>
      </main>
    </>
  );
}
