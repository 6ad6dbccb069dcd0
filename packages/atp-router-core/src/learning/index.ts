/**
 * What the router learns from outcomes: how far each adapter's vote counts, whom to ask next, and when an answer is good enough.
 * Pure: values in, values out.
 * @packageDocumentation
 */
export { decideNext, decideTask, drawOf, neutralTask, operatingPoint } from "./answer-policy.js";
export type {
  Aim,
  AnswerCandidate,
  AnswerPolicy,
  CascadeRule,
  DecideInput,
  Decision,
  OperatingPoint,
  Rule,
  TaskPolicy,
  ValueRule,
} from "./answer-policy.js";
export { checkPolicy } from "./check-policy.js";
export type { CheckedPolicy } from "./check-policy.js";
export { promptFeatureNames, promptFeatures, promptOf } from "./prompt-features.js";
export type { PromptFeatures } from "./prompt-features.js";
export { neutralVotes, posterior, promptEffect } from "./vote-model.js";
export type { AnswerGroup, FeatureScale, Posterior, PromptEffect, SeenAnswer, VoteModel } from "./vote-model.js";
export {
  brierScore,
  calibrated,
  calibrationError,
  expectedCalibrationError,
  learnLabel,
  newCalibrator,
  trusted,
} from "./calibration.js";
export type { Calibrator, Label } from "./calibration.js";
export { newChallenge, tried, tries } from "./challenge.js";
export type { Challenge, ChallengeConfig } from "./challenge.js";
export type { AccuracyPrior } from "./difficulty.js";
export { createLearner, surely } from "./learner.js";
export type { Advice, Learner, LearnerConfig, Offer, Option, Outcome, Question } from "./learner.js";
export { owed } from "./pacer.js";
export type { Pacer } from "./pacer.js";
export type { Truth } from "../model/index.js";
export { parseRecords } from "./records.js";
export type { DecisionRecord, RecordedCall } from "./records.js";
export { askOnly, cheapest, evaluate, fitted } from "./replay.js";
export type { Evaluated, Evaluation, TargetPolicy } from "./replay.js";
export { voteWeights } from "./vote-weights.js";
export type { VoteWeights } from "./vote-weights.js";
export type { Beta } from "./reliability.js";
export { mergeStates, parseState } from "./state.js";
export type { LearningState } from "./state.js";
export { measureCascades, orders } from "./fit-cascade.js";
export { families, fitTask, plainVotes, priceGrid, promptVotes } from "./fit-task.js";
export type { Family, FitTaskOptions, FittedTask } from "./fit-task.js";
export { fitVotes } from "./fit-votes.js";
export type { FitVotesOptions } from "./fit-votes.js";
export { concaveHull } from "./hull.js";
export { outcomesOf, randomOf } from "./outcomes.js";
export type { CallOutcome, OutcomeRow, Outcomes } from "./outcomes.js";
export { emptyTable, fillTable } from "./subset-table.js";
export { allocate } from "./allocate.js";
export type { TaskShare } from "./allocate.js";
export { fitPromptChoice, gapsOf, promptSet } from "./prompt-choice.js";
export type { PromptChoice, PromptChoiceOptions, PromptSet } from "./prompt-choice.js";
export { learningRate, learnVotes } from "./learn-votes.js";
export type { VoteOutcome } from "./learn-votes.js";
