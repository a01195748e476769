// What JavaScript sees of the steps from objects to an output, and of images.

#include "job.h"
#include "values.h"

using namespace llvm;

namespace finegrain {

// renameSymbols(objects, linkNames): lists in step
static Napi::Value renameJob(const Napi::CallbackInfo &Info) {
  struct Block {
    Bytes Content;
    std::vector<uint32_t> Ends;
  };
  return runJob<Block>(
      Info,
      [Objects = bytesListIn(Info[0]),
       LinkNames = bytesListIn(Info[1])]() -> Expected<Block> {
        Block Renamed;
        for (auto [Object, Names] : zip_equal(Objects, LinkNames)) {
          Expected<Bytes> One = renameSymbols(Object, Names);
          if (!One)
            return One.takeError();
          Renamed.Content.append(One->begin(), One->end());
          Renamed.Ends.push_back(Renamed.Content.size());
        }
        return Renamed;
      },
      [](Napi::Env Env, Block &Renamed) {
        return blockOut(Env, std::move(Renamed.Content), Renamed.Ends);
      });
}

static std::vector<ArchiveMember> membersIn(Napi::Value Names,
                                            Napi::Value Contents) {
  std::vector<ArchiveMember> Members;
  for (auto [Name, Content] :
       zip_equal(stringsIn(Names), bytesListIn(Contents)))
    Members.push_back({Name, Content});
  return Members;
}

// writeArchive(names, contents, hasSymbolTable): lists in step
static Napi::Value archiveJob(const Napi::CallbackInfo &Info) {
  return runJob<Bytes>(
      Info,
      [Members = membersIn(Info[0], Info[1]),
       HasSymbolTable =
           bool(Info[2].As<Napi::Boolean>())]() -> Expected<Bytes> {
        Bytes Archive;
        raw_svector_ostream OS(Archive);
        if (Error E = writeArchive(OS, Members, HasSymbolTable))
          return E;
        return Archive;
      },
      [](Napi::Env Env, Bytes &Archive) {
        return bytesOut(Env, std::move(Archive));
      });
}

// link(before, names, contents, after): members of an archive that is not made
static Napi::Value linkJob(const Napi::CallbackInfo &Info) {
  return runJob<std::string>(
      Info,
      [Before = stringsIn(Info[0]), Members = membersIn(Info[1], Info[2]),
       After = stringsIn(Info[3])] {
        auto WriteMembers = [&](raw_ostream &OS) {
          return writeArchive(OS, Members, /*HasSymbolTable=*/false);
        };
        return link(Before, WriteMembers, After);
      },
      stringOut);
}

// linkArchive(before, archive, after)
static Napi::Value linkArchiveJob(const Napi::CallbackInfo &Info) {
  return runJob<std::string>(
      Info,
      [Before = stringsIn(Info[0]), Archive = bytesIn(Info[1]),
       After = stringsIn(Info[2])] {
        auto WriteArchive = [&](raw_ostream &OS) {
          OS << Archive;
          return Error::success();
        };
        return link(Before, WriteArchive, After);
      },
      stringOut);
}

// imageTables({triple, cpu, features}, functions, slots)
static Napi::Value imageTablesJob(const Napi::CallbackInfo &Info) {
  auto Target = Info[0].As<Napi::Object>();
  ImageContent Content{
      stringIn(Target.Get("triple")), stringIn(Target.Get("cpu")),
      stringIn(Target.Get("features")), bytesIn(Info[1]), bytesIn(Info[2])};
  return runJob<Bytes>(
      Info, [Content = std::move(Content)] { return imageTables(Content); },
      [](Napi::Env Env, Bytes &Bitcode) {
        return bytesOut(Env, std::move(Bitcode));
      });
}

// ---- loaded images. Loading runs the image's constructors, on this thread.

static Napi::Value addressesOut(Napi::Env Env,
                                const std::vector<uint64_t> &Addresses) {
  Napi::BigUint64Array Array = Napi::BigUint64Array::New(Env, Addresses.size());
  std::copy(Addresses.begin(), Addresses.end(), Array.Data());
  return Array;
}

static Napi::Value openImageNow(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  Expected<LoadedImage> Image = openImage(stringIn(Info[0]));
  if (!Image)
    throw Napi::Error(Env, toJsError(Env, Image.takeError()));
  Napi::Object Result = Napi::Object::New(Env);
  Result.Set("handle", Napi::External<void>::New(Env, Image->Handle));
  Result.Set("version", Image->Version);
  Result.Set("shards", Image->ShardCount);
  Result.Set("functions", addressesOut(Env, Image->Functions));
  Result.Set("slots", addressesOut(Env, Image->Slots));
  Result.Set("functionNames", Image->FunctionNames);
  Result.Set("slotNames", Image->SlotNames);
  return Result;
}

static void closeImageNow(const Napi::CallbackInfo &Info) {
  closeImage(Info[0].As<Napi::External<void>>().Data());
}

static uint64_t *slotIn(Napi::Value Address) {
  bool IsLossless = false;
  return reinterpret_cast<uint64_t *>(
      Address.As<Napi::BigInt>().Uint64Value(&IsLossless));
}

static Napi::Value readSlot(const Napi::CallbackInfo &Info) {
  return Napi::BigInt::New(Info.Env(), *slotIn(Info[0]));
}

static void writeSlot(const Napi::CallbackInfo &Info) {
  bool IsLossless = false;
  *slotIn(Info[0]) = Info[1].As<Napi::BigInt>().Uint64Value(&IsLossless);
}

void exportOutputs(Napi::Env Env, Napi::Object Exports) {
  auto Export = exporter(Env, Exports);
  Export("renameSymbols", renameJob);
  Export("writeArchive", archiveJob);
  Export("link", linkJob);
  Export("linkArchive", linkArchiveJob);
  Export("imageTables", imageTablesJob);
  Export("openImage", openImageNow);
  Export("closeImage", closeImageNow);
  Export("readSlot", readSlot);
  Export("writeSlot", writeSlot);
}

} // namespace finegrain
