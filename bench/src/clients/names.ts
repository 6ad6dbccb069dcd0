/** The gRPC clients compared behind AdapterPort. `own` is the product's. */
export const clientNames = ["own", "grpc-js", "connect-node"] as const;

/** One of {@link clientNames}. */
export type ClientName = (typeof clientNames)[number];
