/** A question of which the menu is known is read as one that is read as a whole, however it is written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '../src/http/body.ts';
import { checkNewDecision } from '../src/http/check.ts';
import { type Question, readQuestion } from '../src/http/question.ts';
import { checkMenu } from '../src/journeys/decide/menu.ts';
import type { AppError } from '../src/std/errors.ts';

const type = 'application/json';

function asWhole(body: Uint8Array): Question {
  const { candidates, ...asked } = checkNewDecision(parseJson(body, type));
  const isThere = candidates !== undefined && candidates.length > 0;
  return { asked, menu: isThere ? checkMenu(candidates) : undefined };
}

/** What comes of it: a question, or the refusal. */
function outcomeOf(read: () => Question): unknown {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as AppError;
    return { code, message };
  }
}

const menu = '[{"id":"a","data":{"é":"ü"},"value":2},{"id":"b","if":"ask.page == \\"]}\\""}]';
const other = '[{"id":"c"}]';
const bodies = [
  `{"customer":"ann","candidates":${menu}}`,
  ` {"candidates" :\n${menu} , "customer":"bob","context":{"candidates":[{"id":"x"}]}} `,
  `{"customer":"ann","k":2,"candidates":${menu},"context":{"page":"/"}}`,
  // Named twice: the last one counts.
  `{"customer":"ann","candidates":${menu},"candidates":${other}}`,
  `{"customer":"ann","candidates":${other},"candidates":${menu}}`,
  `{"customer":"ann","candidates":${menu},"c\\u0061ndidates":${other}}`,
  `{"customer":"ann","c\\u0061ndidates":${other},"candidates":${menu}}`,
  `{"customer":"ann","candidates":${menu},"candidates":null}`,
  `{"customer":"ann","candidates":${menu},"candidates":[]}`,
  `{"customer":"ann","context":{"candidates":${menu}},"placement":"home"}`,
  `{"customer":"ann","candidates":[]}`,
  `{"customer":"ann"}`,
  // Not what it should be, around a menu that is known.
  `{"candidates":${menu}}`,
  `{"customer":"ann","candidates":${menu}`,
  `{"customer":"ann","candidates":${menu},}`,
  `{"customer":"ann","candidates":${menu}}x`,
  `{"customer":"ann","candidates":${menu},"more":1}`,
  `{"customer":7,"candidates":${menu}}`,
  `{"customer":"ann","candidates":${menu}${menu}}`,
  `[${menu}]`,
  'null',
  '',
  // Menus that are not good, again and again.
  `{"customer":"ann","candidates":[{"id":"a"},{"id":"a"}]}`,
  `{"customer":"ann","candidates":[{"id":"a","if":"+"}]}`,
  `{"customer":"ann","candidates":{"id":"a"}}`,
  `{"customer":"ann","candidates":"x"}`,
].map((text) => Buffer.from(text));
const spoilt = Buffer.from(`{"customer":"a?","candidates":${menu}}`);
spoilt[spoilt.indexOf('?')] = 0xff;
const spoiltMenu = Buffer.from(`{"customer":"ann","candidates":${menu.replace('ü', '?')}}`);
spoiltMenu[spoiltMenu.indexOf('?')] = 0xff;

test('a question is read the same whether its menu is known or not, and so is what is none', () => {
  for (let round = 0; round < 3; round++) {
    for (const body of [...bodies, spoilt, spoiltMenu]) {
      const read = outcomeOf(() => readQuestion(body, type));
      assert.deepEqual(
        read,
        outcomeOf(() => asWhole(body)),
        body.toString(),
      );
    }
  }
});

test('what is told of a menu once is used again, for each bytes of their own', () => {
  const [first] = bodies;
  const read = readQuestion(first!, type).menu;
  assert.equal(readQuestion(bodies[2]!, type).menu, read);
  const elsewhere = Buffer.from(`{"customer":"ann","candidates":${menu.replace('"a"', '"d"')}}`);
  assert.notEqual(readQuestion(elsewhere, type).menu, read);
  assert.match(readQuestion(elsewhere, type).menu!.text, /"id":"d"/);
});

test('only JSON is read, also when the menu is known', () => {
  assert.throws(() => readQuestion(bodies[0]!, 'text/plain'), { code: 'unsupported_media_type' });
});
