// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../client/net/http.js";
import { Session } from "../../client/net/session.js";
import { MemoryStorage, SharedLocks, user } from "../fixtures.js";

const tokens = (n, expires_in = 900) => ({
  access_token: `access${n}`,
  refresh_token: `refresh${n}`,
  token_type: /** @type {const} */ ("Bearer"),
  expires_in,
});

/** Tabs of one browser, and the refresh tokens that the server was asked with. */
function browser({ tabs = 1, answer = (n) => ({ tokens: tokens(n) }) } = {}) {
  const shared = { storage: new MemoryStorage(), locks: new SharedLocks() };
  const asked = [];
  const send = async (_method, _path, { body }) => {
    asked.push(body.refresh_token);
    return answer(asked.length + 1);
  };
  const sessions = Array.from({ length: tabs }, () => new Session({ ...shared, send }));
  return { asked, sessions };
}

test("a valid token is used as it is", async () => {
  const { asked, sessions } = browser();
  sessions[0].start({ user: user("me"), tokens: tokens(1) });
  assert.equal(await sessions[0].accessToken(), "access1");
  assert.deepEqual(asked, []);
});

test("a token about to expire is renewed first", async () => {
  const { asked, sessions } = browser();
  sessions[0].start({ user: user("me"), tokens: tokens(1, 10) });
  assert.equal(await sessions[0].accessToken(), "access2");
  assert.deepEqual(asked, ["refresh1"]);
});

test("of several tabs that need a new token one requests it", async () => {
  const { asked, sessions } = browser({ tabs: 3 });
  sessions[0].start({ user: user("me"), tokens: tokens(1) });
  const renewed = await Promise.all(sessions.map((session) => session.renewToken("access1")));
  assert.deepEqual(renewed, ["access2", "access2", "access2"]);
  assert.deepEqual(asked, ["refresh1"]);
});

test("a session that the server has ended is forgotten and reported as expired", async () => {
  const answer = () => {
    throw new Problem({ code: "unauthenticated", status: 401 });
  };
  const [session] = browser({ answer }).sessions;
  session.start({ user: user("me"), tokens: tokens(1) });
  const reasons = [];
  session.addEventListener("end", (/** @type {any} */ { detail }) => reasons.push(detail));
  await assert.rejects(session.renewToken("access1"), { code: "unauthenticated" });
  assert.deepEqual([session.user, reasons], [null, ["expired"]]);
});

test("the user stays signed in while the server can't be reached", async () => {
  const answer = () => {
    throw Problem.offline();
  };
  const [session] = browser({ answer }).sessions;
  session.start({ user: user("me"), tokens: tokens(1) });
  await assert.rejects(session.renewToken("access1"), { code: "offline" });
  assert.equal(session.user.id, "me");
});

test("tokens that arrive after signing out are discarded", async () => {
  let sessions;
  const answer = (n) => {
    sessions[0].end("signed-out");
    return { tokens: tokens(n) };
  };
  ({ sessions } = browser({ answer }));
  sessions[0].start({ user: user("me"), tokens: tokens(1) });
  await assert.rejects(sessions[0].renewToken("access1"), { code: "unauthenticated" });
  assert.equal(sessions[0].user, null);
});

test("a session ended by the user's own request is reported with that reason, whichever way the end is noticed", async () => {
  const answer = () => {
    throw new Problem({ code: "unauthenticated", status: 401 });
  };
  const [session] = browser({ answer }).sessions;
  const reasons = [];
  session.addEventListener("end", (/** @type {any} */ { detail }) => reasons.push(detail));
  session.start({ user: user("me"), tokens: tokens(1) });
  session.setEndReason("deleted");
  await assert.rejects(session.renewToken("access1"), { code: "unauthenticated" });
  session.end("deleted");
  session.start({ user: user("me"), tokens: tokens(2) });
  session.end("signed-out");
  assert.deepEqual(reasons, ["deleted", "signed-out"]);
});
