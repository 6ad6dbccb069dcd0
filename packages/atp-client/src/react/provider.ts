import { createContext, createElement, useContext } from "react";
import type { ReactElement, ReactNode } from "react";
import type { AtpClient } from "../index.js";

const Client = createContext<AtpClient | null>(null);

/** Properties of {@link AtpProvider}. */
export interface AtpProviderProps {
  /** Made once, outside of components, by `createClient`. Whoever made it closes it. */
  readonly client: AtpClient;
  readonly children?: ReactNode;
}

/** Gives a client to the hooks below it. */
export function AtpProvider({ client, children }: AtpProviderProps): ReactElement {
  return createElement(Client.Provider, { value: client }, children);
}

/**
 * The client of the nearest {@link AtpProvider}.
 * @throws Error when there is none
 */
export function useAtpClient(): AtpClient {
  const client = useContext(Client);
  if (client === null) throw new Error("no AtpProvider above this component; wrap it in <AtpProvider client={client}>");
  return client;
}
