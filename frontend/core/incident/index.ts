// The closed loop, framework-free: steps, deadlines, needs, words and forms.
export * from './forms'
export * from './life'
export * from './need'
export * from './sla'
export type { Overlay, Word } from './words'
export {
  actionName,
  deedName,
  leftText,
  overlaysOf,
  queueName,
  sourceName,
  spanText,
  stateName,
  stepName,
  stepTitle,
  tierName,
  w,
  word,
} from './words'
