/** The gRPC clients compared behind AdapterPort. `grpc-js` is the product's own port. */
export const clientNames = ["grpc-js", "connect-node", "http2"] as const;

/** One of {@link clientNames}. */
export type ClientName = (typeof clientNames)[number];
