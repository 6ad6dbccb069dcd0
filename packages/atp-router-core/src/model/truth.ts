/** What was learned of which answers were right: everything, only what was not right, or nothing. */
export type Truth =
  /** The answers of this group are right, all others are wrong. */
  | { readonly right: number }
  /** None of the answers is right. */
  | { readonly none: true }
  /** This group is wrong; of the others nothing is known. */
  | { readonly wrong: number }
  /** Nobody said. The pattern of agreement tells something all the same. */
  | { readonly unknown: true };
