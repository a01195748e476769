// Runs after `npm install`: where no prebuilt addon loads, builds one.
// node-gyp-build's own command would start node-gyp instead of cmake-js.

const { spawnSync } = require("node:child_process");
const path = require("node:path");

const root = path.join(__dirname, "..");
try {
  require("node-gyp-build")(root);
} catch (error) {
  console.error(
    `finegrain: no usable prebuilt addon (${error.message.split("\n")[0]}); building one`,
  );
  const cmakeJs = require.resolve("cmake-js/bin/cmake-js");
  const build = spawnSync(process.execPath, [cmakeJs, "rebuild", "--CDCMAKE_BUILD_TYPE=Release"], {
    cwd: root,
    stdio: "inherit",
  });
  if (build.status !== 0) {
    console.error(
      "finegrain: the addon could not be built. It needs cmake, ninja-build, g++, llvm-22-dev, " +
        "liblld-22-dev, liblld-22, zlib1g-dev and libzstd-dev (Debian: apt-get install them, " +
        "then npm rebuild finegrain).",
    );
    process.exit(build.status ?? 1);
  }
}
