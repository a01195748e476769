// What else compiles C and C++ from source: clang, compiler caches around it, and
// clang's frontend with finegrain behind it.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { CacheFolder, FileByFile, Finegrain, findTool } from "../dist/bench.js";

export const baseline = "clang -O2";

/** Those that can run here, and the names of the others. */
export function sourcePeers(compiler, settings, ownCache) {
  const recipes = [
    { name: baseline, compile: (source, object) => compiler.command(source, object) },
    ccache(compiler, settings.work),
    sccache(compiler, settings.work),
  ];
  const present = recipes.filter((recipe) => recipe.compile);
  const absent = recipes.filter((recipe) => !recipe.compile);
  const { jobs } = settings;
  const frontend = ({ state: { sources, bitcode, changed }, kind }) => ({
    jobs,
    commands: [...(kind === "edit" ? changed : sources.keys())].map((i) =>
      compiler.frontend(sources[i], bitcode[i]),
    ),
  });
  return {
    contenders: [
      ...present.map((recipe) => new FileByFile({ startsFrom: "source", ...recipe }, settings)),
      new Finegrain(settings, jobs, ownCache, { name: "clang's frontend", stage: frontend }),
    ],
    absent,
  };
}

function ccache(compiler, work) {
  const name = "ccache and clang";
  const tool = findTool("ccache");
  if (!tool) return { name, reason: "not installed: ccache" };
  const cache = new CacheFolder(path.join(work, "ccache"));
  return {
    name,
    cache,
    onHits: "compile",
    env: { CCACHE_DIR: cache.folder },
    compile: (source, object) => [tool.command, ...compiler.command(source, object)],
  };
}

/** The one before may not have let go of its port, or the machine may be slow. */
function startServer(server) {
  for (let tries = 10; tries > 0; tries--) {
    if (server("--start-server") === 0) return;
    server("--stop-server");
    spawnSync("sleep", ["0.5"]);
  }
  throw new Error("sccache's server does not start");
}

/** Its server keeps the cache's index, so it is started for each sample. */
function sccache(compiler, work) {
  const name = "sccache and clang";
  const tool = findTool("sccache");
  if (!tool) return { name, reason: "not installed: sccache" };
  const cache = new CacheFolder(path.join(work, "sccache"));
  const env = {
    SCCACHE_DIR: cache.folder,
    SCCACHE_SERVER_PORT: "42260",
    SCCACHE_IDLE_TIMEOUT: "0",
  };
  const server = (action) =>
    spawnSync(tool.command, [action], { env: { ...process.env, ...env }, stdio: "ignore" }).status;
  return {
    name,
    cache,
    onHits: "compile",
    env,
    before: () => startServer(server),
    after: () => server("--stop-server"),
    compile: (source, object) => [tool.command, ...compiler.command(source, object)],
  };
}
