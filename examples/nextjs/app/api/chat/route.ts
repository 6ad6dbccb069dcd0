import { convertToModelMessages, safeValidateUIMessages, streamText } from "ai";
import { createAtp } from "atp-client/ai";
import { serverClient } from "../../../src/router/server-client";

/** `streamText` of the `ai` package, with a router as its model. What a page sends is checked before it is used. */
export async function POST(request: Request): Promise<Response> {
  const body = (await request.json().catch(() => null)) as { messages?: unknown; strategy?: unknown } | null;
  const checked = await safeValidateUIMessages({ messages: body?.messages });
  if (!checked.success) return Response.json({ error: "messages: not those of a chat" }, { status: 400 });
  const strategy = body?.strategy === undefined ? "auto" : String(body.strategy);
  let model;
  try {
    model = createAtp(serverClient()).languageModel(strategy);
  } catch (thrown) {
    return Response.json({ error: thrown instanceof Error ? thrown.message : "no such strategy" }, { status: 400 });
  }
  const result = streamText({
    model,
    messages: await convertToModelMessages(checked.data),
    // A reader who goes away cancels the run at the router.
    abortSignal: request.signal,
  });
  return result.toUIMessageStreamResponse({
    sendSources: true,
    messageMetadata: ({ part }) => (part.type === "finish-step" ? part.providerMetadata : undefined),
    onError: (error) => (error instanceof Error ? error.message : "The router gave no answer."),
  });
}
