/**
 * Who really answers: a persona's port to another adapter or to a model.
 */
import type {
  AdapterEstimate,
  AdapterHealth,
  AdapterRequest,
  EstimateCall,
  Prices,
  StreamCall,
  StreamPart,
} from "atp-adapter-kit";

/** What a persona needs of its upstream. Requests carry the role already. */
export interface Upstream {
  /** Of the answers, for the router; undefined when the upstream tells none. */
  readonly prices: Prices | undefined;
  estimate(request: AdapterRequest, call: EstimateCall): Promise<AdapterEstimate>;
  /** Leaving early and the call's signal both cancel the upstream. */
  stream(request: AdapterRequest, call: StreamCall): AsyncIterable<StreamPart>;
  health(): Promise<AdapterHealth>;
}
