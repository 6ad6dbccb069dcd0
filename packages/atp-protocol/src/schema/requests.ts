import * as z from "zod";
import { id, open, share, uint, window } from "./basics.js";

/** One turn of a conversation. */
export const chatMessage = z.looseObject({ role: z.string(), content: z.unknown() }).meta(open);

/** The content of `agent.request`, and of the seed's SYN (A4.1): `prompt` or `messages`. */
export const requestContent = z
  .looseObject({
    prompt: z.string().optional(),
    messages: z.array(chatMessage).min(1).optional(),
    system: z.string().optional(),
    max_output_tokens: uint.min(1).optional(),
    temperature: z.number().min(0).optional(),
    stop: z.array(z.string()).optional(),
    tools: z.array(z.unknown()).optional(),
    tool_choice: z.unknown().optional(),
    response_format: z.unknown().optional(),
    choices: z.array(z.string()).min(1).optional(),
    samples: uint.min(1).optional(),
  })
  .refine((content) => content.prompt !== undefined || content.messages !== undefined, {
    message: "a request has prompt or messages",
  })
  .meta({ anyOf: [{ required: ["prompt"] }, { required: ["messages"] }] });

/** The content of `agent.input`: more input on an open stream. */
export const inputContent = z
  .looseObject({ prompt: z.string().optional(), messages: z.array(chatMessage).min(1).optional() })
  .meta(open);

/** The content of `agent.feedback`, after FINAL: a rating, or the adapter that answered best. */
export const feedbackContent = z
  .looseObject({ rating: share.optional(), chosen: z.string().min(1).optional() })
  .refine((content) => content.rating !== undefined || content.chosen !== undefined, {
    message: "feedback has rating or chosen",
  })
  .meta({ anyOf: [{ required: ["rating"] }, { required: ["chosen"] }] });

/** The content of `control.hello` (A2.1). */
export const helloContent = z.looseObject({
  client: z.looseObject({ name: z.string(), version: z.string() }),
  capabilities: z.array(z.string()),
  token: z.string().optional(),
  resume: z
    .looseObject({
      resume_token: z.string(),
      streams: z.array(z.looseObject({ stream_id: id, last_seq: uint })),
    })
    .optional(),
});

/** The content of `control.auth`: a token from the client, a deadline or a lifetime from the router (A2.3). */
export const authContent = z.looseObject({
  token: z.string().optional(),
  deadline_ms: uint.optional(),
  expires_in_ms: uint.optional(),
});

/** The content of `control.window_update` (A7.6). */
export const windowUpdateContent = z.looseObject({ number: uint, window, left: window.optional() });

/** The content of `control.cancel` (A9.5). */
export const cancelContent = z.looseObject({ reason: z.string().optional() });

/** The content of `control.detach` (A9.2). */
export const detachContent = z.looseObject({});
