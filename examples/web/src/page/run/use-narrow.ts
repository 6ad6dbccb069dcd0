import { useSyncExternalStore } from "react";

/** As wide as the style sheets' own bound. */
const narrow = window.matchMedia("(max-width: 40rem)");

function subscribe(listener: () => void): () => void {
  narrow.addEventListener("change", listener);
  return () => {
    narrow.removeEventListener("change", listener);
  };
}

/** Whether the page is narrow. */
export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => narrow.matches);
}
