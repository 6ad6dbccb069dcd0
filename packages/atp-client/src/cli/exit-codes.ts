import { isAtpError, isAtpLocalError } from "../index.js";

/** Exit codes by what ended a command. */
const classes: readonly { readonly exit: number; readonly about: string; readonly codes: readonly string[] }[] = [
  {
    exit: 3,
    about: "the router refused the request",
    codes: ["EPROTO", "ETOOBIG", "EDUP", "ENOROUTE", "ECONSENSUS", "ETTL"],
  },
  { exit: 4, about: "over a budget or a window", codes: ["EBUDGET", "EWINDOW"] },
  { exit: 5, about: "not allowed", codes: ["EAUTH", "EPOLICY", "ESEC"] },
  { exit: 6, about: "try again later", codes: ["EOVERLOAD", "EPREEMPT", "EDRAINING", "EAGENTDOWN", "EINTERNAL"] },
  { exit: 7, about: "out of time", codes: ["ETIMEOUT"] },
  { exit: 8, about: "the connection was lost", codes: ["ECUT", "EPEER", "ERESUME"] },
  { exit: 9, about: "no connection", codes: ["ECONNECT", "EQUEUE"] },
  { exit: 130, about: "cancelled", codes: ["EABORT", "EDETACHED", "ECANCELLED"] },
];

/** The exit code of an error; 1 for what is no error of ATP. */
export function exitCodeOf(error: unknown): number {
  if (!isAtpError(error) && !isAtpLocalError(error)) return 1;
  return classes.find(({ codes }) => codes.includes(error.code))?.exit ?? 1;
}

/** The table for `--help`. */
export const exitCodesHelp: string = [
  "Exit codes:",
  "    0  done",
  "    1  anything not listed here",
  "    2  wrong use",
  ...classes.map(({ exit, about, codes }) => `  ${String(exit).padStart(3)}  ${about}: ${codes.join(" ")}`),
].join("\n");
