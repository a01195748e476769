/** Stores on servers that are slow, stop, lie or refuse: the output is right, the fault counted once. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { Redis } from "ioredis";
import { build, openStore } from "../lib";
import { digest, finegrain, runScript, unitsOnly, Workspace } from "./helpers";
import { freePort, type Server, startNginx, startRedis } from "./servers";

const work = new Workspace();
const count = 20;
const inputs = Array.from({ length: count }, (_, i) =>
  work.write(`f${i}.ll`, `define i32 @f${i}(i32 %x) {\n  %y = mul i32 %x, ${i}\n  ret i32 %y\n}\n`),
);
const output = work.path("out.so");
const running: Server[] = [];
afterAll(() => Promise.all(running.map((server) => server.stop())));

async function started(server: Promise<Server>): Promise<Server> {
  running.push(await server);
  return server;
}

let right: string;
beforeAll(async () => {
  await build({ inputs, output, cache: "off", ...unitsOnly });
  right = digest(output);
});

async function outcomeOf(cache: string) {
  const report = await build({ inputs, output, cache, ...unitsOnly });
  const { hits, misses, bad, errors, url } = report.cache;
  expect(digest(output)).toBe(right);
  expect(url).not.toContain("secret");
  return { hits, misses, bad, errors, warnings: report.warnings };
}

const cold = { hits: 0, misses: count, bad: 0, errors: 0, warnings: [] };
const warm = { ...cold, hits: count, misses: 0 };
const failed = (words: RegExp) => ({
  ...cold,
  errors: 1,
  warnings: [expect.stringMatching(words)],
});

async function expectHealthy(cache: string): Promise<void> {
  expect(await outcomeOf(cache)).toEqual(cold);
  expect(await outcomeOf(cache)).toEqual(warm);
}

const liars: (() => void)[] = [];
afterAll(() => {
  for (const stop of liars) stop();
});

/** Accepts connections and says what `answer` makes of what comes in. */
async function startLiar(answer: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer((socket) => {
    liars.push(() => socket.destroy());
    socket.on("error", () => {});
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  liars.push(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

describe.each(["redis", "http"])("a %s server", (scheme) => {
  const left = new RegExp(`^cache: ${scheme}://127.0.0.1:\\d+/?0? failed, and was left alone: `);
  const urlAt = (port: number) => `${scheme}://127.0.0.1:${port}?timeout=300ms`;

  test("that is not there", async () => {
    expect(await outcomeOf(urlAt(await freePort()))).toEqual(failed(left));
  });

  test("that never answers", async () => {
    expect(await outcomeOf(urlAt(await startLiar(() => {})))).toEqual(failed(left));
  });

  test("that hangs up", async () => {
    const port = await startLiar((socket) => socket.once("data", () => socket.destroy()));
    expect(await outcomeOf(urlAt(port))).toEqual(failed(left));
  });

  test("that talks nonsense", async () => {
    const port = await startLiar((socket) =>
      socket.on("data", () => socket.write("\0nonsense\r\n")),
    );
    expect(await outcomeOf(urlAt(port))).toEqual(failed(left));
  });

  test("that stops in the middle of a batch, and comes back", async () => {
    const folder = work.path(`${scheme}-stops`);
    const server = await started(scheme === "redis" ? startRedis() : nginxIn(folder));
    // It takes what is asked, answers a part of it, and then stops.
    let passed = 0;
    const port = await startLiar((socket) => {
      const upstream = net.connect(server.port, "127.0.0.1").on("error", () => {});
      socket.pipe(upstream);
      upstream.on("data", (chunk) => {
        passed += chunk.length;
        if (passed > 3000) socket.destroy();
        else socket.write(chunk);
      });
    });
    await expectHealthy(urlAt(server.port));
    const { hits, errors, warnings } = await outcomeOf(urlAt(port));
    expect({ hits, errors, warnings }).toEqual({
      hits: 0,
      errors: 1,
      warnings: [expect.stringMatching(left)],
    });
    expect(await outcomeOf(urlAt(server.port))).toEqual(warm);
  });
});

async function nginxIn(folder: string, password?: string): Promise<Server> {
  execFileSync("mkdir", ["-p", folder]);
  return startNginx(folder, password);
}

describe("wrong bytes are bad, and are replaced", () => {
  test("from Redis", async () => {
    const { port } = await started(startRedis());
    const url = `redis://127.0.0.1:${port}`;
    await expectHealthy(url);
    const redis = new Redis(url);
    const names = (await redis.keys("finegrain:*")).filter((name) => name.length > 70).sort();
    const first = await redis.getBuffer(names[0]!);
    await redis.set(names[1]!, first!); // sound, but of another key
    await redis.set(names[2]!, "");
    await redis.set(names[3]!, "nonsense");
    await redis.set(names[4]!, first!.fill(0, 60, 70));
    redis.disconnect();
    expect(await outcomeOf(url)).toEqual({ ...warm, hits: count - 4, misses: 4, bad: 4 });
    expect(await outcomeOf(url)).toEqual(warm);
  });

  test("from HTTP", async () => {
    const folder = work.path("lies");
    const { port } = await started(nginxIn(folder));
    const url = `http://127.0.0.1:${port}/some/where`;
    await expectHealthy(url);
    const entries = path.join(folder, "data/some/where/ac");
    const files = readdirSync(entries).map((name) => path.join(entries, name));
    const first = readFileSync(files[0]!);
    const lies = [first, "", "nonsense", first.subarray(1), "\x32\x42\x0a\x40../../../etc/passwd"];
    for (const [i, lie] of lies.entries()) writeFileSync(files[i + 1]!, lie);
    expect(await outcomeOf(url)).toEqual({
      ...warm,
      hits: count - lies.length,
      misses: lies.length,
      bad: lies.length,
    });
    expect(await outcomeOf(url)).toEqual(warm);
  });
});

describe("passwords", () => {
  test("Redis asks for one", async () => {
    const { port } = await started(startRedis({ password: "secret" }));
    await expectHealthy(`redis://:secret@127.0.0.1:${port}`);
    expect(await outcomeOf(`redis://127.0.0.1:${port}`)).toEqual(failed(/NOAUTH|unauthenticated/));
    const wrong = `redis://:a-wrong-secret@127.0.0.1:${port}`;
    expect((await build({ inputs, output, cache: wrong, ...unitsOnly })).cache).toMatchObject({
      errors: 1,
    });
  });

  test("HTTP asks for one", async () => {
    const { port } = await started(nginxIn(work.path("asks"), "secret"));
    await expectHealthy(`http://ci:secret@127.0.0.1:${port}`);
    expect(await outcomeOf(`http://127.0.0.1:${port}`)).toEqual(failed(/ is 401$/));
  });

  test("the header may come from the environment", async () => {
    const seen = new Set<string | undefined>();
    const server = http.createServer((request, response) => {
      seen.add(request.headers.authorization);
      response.statusCode = 404;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    process.env.FINEGRAIN_CACHE_AUTHORIZATION = "Bearer secret";
    try {
      await outcomeOf(url);
    } finally {
      delete process.env.FINEGRAIN_CACHE_AUTHORIZATION;
      server.close();
    }
    expect([...seen]).toEqual(["Bearer secret"]);
  });
});

test("Redis over TLS", async () => {
  const tls = work.path("tls");
  const { port } = await started(startRedis({ password: "secret", tls }));
  const url = `rediss://:secret@127.0.0.1:${port}?timeout=5s`;
  const args = [
    "build",
    inputs[0]!,
    "-o",
    output,
    "--json",
    "--cache",
    url,
    "--",
    "--build-id=none",
  ];
  const trusting = { NODE_EXTRA_CA_CERTS: path.join(tls, "certificate.pem") };
  for (const hits of [0, 1]) {
    const { stdout } = finegrain(args, trusting);
    expect(JSON.parse(stdout).cache).toMatchObject({ hits, errors: 0 });
  }
  const { status, stdout, stderr } = finegrain(args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/certificate/) });
  expect(JSON.parse(stdout).cache).toMatchObject({ hits: 0, errors: 1 });
});

test("Redis keeps entries for a while, under a prefix", async () => {
  const { port } = await started(startRedis());
  const url = `redis://127.0.0.1:${port}`;
  await expectHealthy(`${url}?prefix=mine:&ttl=100s`);
  await expectHealthy(`${url}?ttl=0s`);
  const redis = new Redis(url);
  const ttlOf = async (pattern: string) => {
    const names = (await redis.keys(pattern)).filter((name) => !name.endsWith("totals"));
    return new Set(await Promise.all(names.map((name) => redis.ttl(name))));
  };
  const mine = [...(await ttlOf("mine:*"))];
  expect(Math.min(...mine)).toBeGreaterThan(0);
  expect(Math.max(...mine)).toBeLessThanOrEqual(100);
  expect([...(await ttlOf("finegrain:*"))]).toEqual([-1]);
  redis.disconnect();
});

test("HTTP: an entry is an action's result of Bazel's, a large one a file of its own", async () => {
  const folder = work.path("bazel");
  const { port } = await started(nginxIn(folder));
  const store = openStore(`http://127.0.0.1:${port}`);
  const large = { key: Buffer.alloc(32, 1), parts: { object: randomish(3_000_000) } };
  const small = { key: Buffer.alloc(32, 2), parts: { object: randomish(1000) } };
  await store.putMany([large, small]);
  const read = (name: string) => readFileSync(path.join(folder, "data", name));
  const [file] = readdirSync(path.join(folder, "data/cas"));
  expect(
    createHash("sha256")
      .update(read(`cas/${file}`))
      .digest("hex"),
  ).toBe(file);
  // Field 6, a digest: field 1 is the hash.
  expect(read(`ac/${"01".repeat(32)}`).subarray(0, 68)).toEqual(
    Buffer.concat([Buffer.from([0x32, 71, 0x0a, 64]), Buffer.from(file!)]),
  );
  // Field 5, standard output: the entry.
  expect(read(`ac/${"02".repeat(32)}`)[0]).toBe(0x2a);
  const lookups = await store.getMany([large.key, small.key], ["object"]);
  for (const [i, { parts }] of [large, small].entries())
    expect(Buffer.compare(lookups[i]!.parts!.object!, parts.object)).toBe(0);
  await store.close!();
});

/** Bytes that do not compress. */
function randomish(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash("sha256").update(String(i)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

test("a build leaves no connection open", async () => {
  const { port } = await started(startRedis());
  const nginx = await started(nginxIn(work.path("leaves")));
  const urls = [`redis://127.0.0.1:${port}`, `http://127.0.0.1:${nginx.port}`];
  const script = `
    const inputs = [${JSON.stringify(inputs[0])}];
    finegrain.build({ inputs, output: ${JSON.stringify(output)}, cache: process.argv[1], link: { args: ['--build-id=none'] } })
      .then(({ cache }) => console.log(cache.errors));`;
  for (const url of urls)
    expect(runScript(script, [url])).toEqual({ status: 0, stdout: "0\n", stderr: "" });
});

test("a program does not wait for a connection that has ended", () => {
  const script = `
    const inputs = [${JSON.stringify(inputs[0])}];
    finegrain.build({ inputs, output: ${JSON.stringify(output)}, cache: process.argv[1] })
      .then(({ cache }) => {
        const end = performance.now();
        process.on("exit", () => console.log(cache.errors, performance.now() - end < 1000));
      });`;
  for (const scheme of ["redis", "http"])
    expect(runScript(script, [`${scheme}://127.0.0.1:1`])).toMatchObject({ stdout: "1 true\n" });
});
