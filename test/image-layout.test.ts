import { build, Image } from "../lib";
import { clang, run, Workspace } from "./helpers";

// A loader that knows Julia's structs, and nothing of finegrain, reads an image.

const work = new Workspace();

const loader = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

struct header { uint32_t version, nshards, nfvars, ngvars; };
struct shard {
  const uint64_t *fvar_count;
  void *const *fvar_ptrs;
  const uint32_t *fvar_idxs;
  const int32_t *gvar_offsets; // the count, then offsets from this table
  const uint32_t *gvar_idxs;
  const int32_t *clone_slots;
  void *const *clone_ptrs;
  const uint32_t *clone_idxs;
};
struct pointers {
  const struct header *header;
  const struct shard *shards;
  const void *ptls, *small_typeof;
  const void *target_data;
  const char *cpu;
};

static const char *symbol(const void *address) {
  Dl_info info;
  return dladdr(address, &info) && info.dli_saddr == address ? info.dli_sname : "?";
}

int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  if (!library) return puts(dlerror()), 1;
  const struct pointers *root = dlsym(library, "jl_image_pointers");
  const struct header *h = root->header;
  const struct shard *s = root->shards;
  printf("header %u %u %u %u\\n", h->version, h->nshards, h->nfvars, h->ngvars);
  printf("ptls %d, small_typeof %d, target %d, cpu %s\\n", root->ptls != 0,
         root->small_typeof != 0, root->target_data != 0, root->cpu);
  for (uint64_t i = 0; i != *s->fvar_count; ++i)
    printf("function %u %s\\n", s->fvar_idxs[i], symbol(s->fvar_ptrs[i]));
  const char *base = (const char *)s->gvar_offsets;
  for (int32_t i = 0; i != s->gvar_offsets[0]; ++i)
    printf("slot %u %s\\n", s->gvar_idxs[i], symbol(base + s->gvar_offsets[i + 1]));
  printf("clones %d %p %#x\\n", s->clone_slots[0], (void *)s->clone_ptrs, s->clone_idxs[0]);
}
`;

test("an image has the layout that Julia's loader reads", async () => {
  const program = work.path("loader");
  clang([work.write("loader.c", loader), "-o", program]);
  const inputs = [
    work.bitcode("one.c", "long slot_a = 1, slot_b = 2; int f(void) { return 1; }"),
    work.bitcode("two.c", "int g(void) { return 2; } long slot_c; int h(void) { return 3; }"),
  ];
  const cpu = process.arch === "arm64" ? "generic" : "x86-64";
  const output = work.path("image.so");
  await build({ inputs, output, emit: "image", cache: "off", cpu });

  const { stdout, status } = run(program, [output]);
  expect(stdout.split("\n")).toEqual([
    "header 1 1 3 3",
    `ptls 0, small_typeof 0, target 1, cpu ${cpu}`,
    "function 0 f",
    "function 1 g",
    "function 2 h",
    "slot 0 slot_a",
    "slot 1 slot_b",
    "slot 2 slot_c",
    "clones 0 (nil) 0x80000000",
    "",
  ]);
  expect(status).toBe(0);

  const image = Image.open(output);
  expect(image.functionNames).toEqual(["f", "g", "h"]);
  expect(image.slotNames).toEqual(["slot_a", "slot_b", "slot_c"]);
  image.close();
});
