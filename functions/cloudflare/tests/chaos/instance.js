// The Worker with the functions, over a bucket that fails on demand: a request is carried out or not, and ends in an
// error. GET /chaos/faults/SEED starts that, GET /chaos/faults/off stops it, GET /chaos/reads returns how often the
// configuration was read; each isolate has its own state.
import Functions from "../../build/index.js";

// Probabilities of faults in requests to R2, in percent.
const REFUSED = 3;
const LOST_REPLY = 3;
const TOO_MANY = 1;
const METHODS = new Set(["delete", "get", "head", "list", "put"]);

// Mulberry32; null while nothing fails.
let state = null;

function below(limit) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % limit;
}

function faulty(bucket) {
  return new Proxy(bucket, {
    get(target, name) {
      const value = target[name];
      if (!METHODS.has(name)) {
        return value;
      }
      return async (...given) => {
        const draw = state === null ? 100 : below(100);
        if (draw < REFUSED) {
          throw new Error(`${name}: We encountered an internal error. Please try again. (10001)`);
        }
        if (draw < REFUSED + TOO_MANY && name === "put") {
          throw new Error(
            "put: Reduce your rate of simultaneous writes on the same object. (10058)",
          );
        }
        const done = await value.apply(target, given);
        if (draw >= 100 - LOST_REPLY && draw < 100) {
          throw new Error("Network connection lost.");
        }
        return done;
      };
    },
  });
}

// Requests handled so far, and how often one of the variables was read.
let requests = 0;
let reads = 0;

function counted(env) {
  return new Proxy(env, {
    get(target, name) {
      reads += name === "SUBSPACE_MASTER_KEY" ? 1 : 0;
      return target[name];
    },
  });
}

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/chaos/reads") {
      return Response.json({ requests, reads });
    }
    const [, order] = pathname.split("/chaos/faults/");
    if (order !== undefined) {
      state = order === "off" ? null : Number(BigInt(order) & 0x7fffffffn);
      return new Response(null, { status: 204 });
    }
    requests += 1;
    const bound = counted({ ...env, BUCKET: faulty(env.BUCKET) });
    return Functions.prototype.fetch.call({ env: bound, ctx: context }, request);
  },
};
