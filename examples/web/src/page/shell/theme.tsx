import { useLayoutEffect, useState } from "react";
import type { ReactElement } from "react";

const themes = ["system", "light", "dark"] as const;
type Theme = (typeof themes)[number];

const KEY = "atp-theme";

function saved(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return themes.find((theme) => theme === value) ?? "system";
  } catch {
    return "system";
  }
}

function save(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser may forbid pages to keep anything: then the choice lasts as long as the page.
  }
}

/** Light, dark, or as the system has it. Kept for the next visit. */
export function ThemeChoice(): ReactElement {
  const [theme, setTheme] = useState(saved);
  // Before the page is painted: it must not flash in the other colours.
  useLayoutEffect(() => {
    document.documentElement.dataset["theme"] = theme;
    save(theme);
  }, [theme]);
  return (
    <label className="theme">
      <span className="hidden">Colours</span>
      <select
        value={theme}
        onChange={(event) => {
          setTheme(themes.find((one) => one === event.target.value) ?? "system");
        }}
      >
        {themes.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}
