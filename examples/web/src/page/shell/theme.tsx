import { useEffect, useState } from "react";
import type { ReactElement } from "react";

const themes = ["system", "light", "dark"] as const;
type Theme = (typeof themes)[number];

const KEY = "atp-theme";

function saved(): Theme {
  const value = localStorage.getItem(KEY);
  return themes.find((theme) => theme === value) ?? "system";
}

/** Light, dark, or as the system has it. Kept for the next visit. */
export function ThemeChoice(): ReactElement {
  const [theme, setTheme] = useState(saved);
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
    localStorage.setItem(KEY, theme);
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
