// Counts the results of http-cache-tests by kind. The suite about Surrogate-Control, which is no
// standard, is not counted.
import fs from 'node:fs'
import suites from './node_modules/http-cache-tests/tests/index.mjs'

const results = JSON.parse(fs.readFileSync(process.argv[2]))
const score = {}
for (const test of suites.flatMap(suite => suite.tests)) {
  if (test.browser_only) continue
  const of = score[test.kind ?? 'required'] ??= { passed: 0, all: 0, failed: [], why: {} }
  of.all += 1
  if (results[test.id] === true) of.passed += 1
  else {
    of.failed.push(test.id)
    of.why[test.id] = JSON.stringify(results[test.id] ?? null)
  }
}
console.log(JSON.stringify(score))
