"use client";

import { useChat } from "@ai-sdk/react";
import type { ChatTransport } from "ai";
import { useState } from "react";
import type { ReactElement } from "react";
import type { AtpMessage } from "./atp-message";
import { Message } from "./message";

const strategies = ["single", "cascade", "quorum", "fanout", "auto"];
const words = { submitted: "asked", streaming: "answering", ready: "ready", error: "failed" };

/** A chat by `useChat`, unchanged: only its transport knows where answers come from. */
export function Chat({ transport }: { readonly transport: ChatTransport<AtpMessage> }): ReactElement {
  const { messages, sendMessage, status, stop, error } = useChat<AtpMessage>({
    transport,
    experimental_throttle: 50,
  });
  const [text, setText] = useState("");
  const [strategy, setStrategy] = useState("single");
  const isBusy = status === "submitted" || status === "streaming";
  const send = (): void => {
    if (isBusy || text.trim() === "") return;
    // What stands in `body` counts for this message alone.
    void sendMessage({ text }, { body: { strategy } });
    setText("");
  };
  return (
    <section aria-label="Chat">
      <ol className="messages" aria-live="polite" aria-busy={isBusy}>
        {messages.map((message) => (
          <Message key={message.id} message={message} />
        ))}
      </ol>
      {error !== undefined && (
        <p className="failure" role="alert">
          {error.message}
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <label className="wide">
          Question
          <input value={text} onChange={({ target }) => setText(target.value)} autoComplete="off" />
        </label>
        <label>
          Strategy
          <select value={strategy} onChange={({ target }) => setStrategy(target.value)}>
            {strategies.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <button type="submit" disabled={isBusy || text.trim() === ""}>
          Ask
        </button>
        <button type="button" disabled={!isBusy} onClick={() => void stop()}>
          Stop
        </button>
      </form>
      <p className="quiet" role="status" data-testid="status" data-status={status}>
        {words[status]}
      </p>
    </section>
  );
}
