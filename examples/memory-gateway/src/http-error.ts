/**
 * Every refusal of the gateway: a status, and a body `{error: {code, message}}`.
 */
const statuses = {
  /** The request is malformed. */
  EPROTO: 400,
  /** No, bad or expired credentials. */
  EAUTH: 401,
  /** Another site's page, or a name of this host that is not ours, or another tenant's memory. */
  ESEC: 403,
  ENOTFOUND: 404,
  EMETHOD: 405,
  /** `If-Match` or `If-None-Match` did not hold; nothing was changed. */
  EPRECONDITION: 412,
  ETOOBIG: 413,
  EINTERNAL: 500,
  /** The tenant keeps as much as it may. */
  EQUOTA: 507,
  /** The store is full, or cannot be reached. */
  EOVERLOAD: 503,
} as const;

/** A code of the gateway's errors. */
export type HttpErrorCode = keyof typeof statuses;

/** A refusal on its way to the caller. Its message travels. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code: HttpErrorCode;

  constructor(code: HttpErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  /** The HTTP status of the code. */
  get status(): (typeof statuses)[HttpErrorCode] {
    return statuses[this.code];
  }

  /** The body that tells it. */
  toBody(): { error: { code: HttpErrorCode; message: string } } {
    return { error: { code: this.code, message: this.message } };
  }
}
