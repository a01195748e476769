// What JavaScript sees of entries and of the file store's folders.

#include "job.h"
#include "values.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace finegrain {

// ---- entries in

static Entry entryIn(Napi::Value Value) {
  auto Item = Value.As<Napi::Object>();
  Entry E{bytesIn(Item.Get("key")).str(), {}};
  auto Parts = Item.Get("parts").As<Napi::Object>();
  for (const std::string &Name : stringsIn(Parts.GetPropertyNames()))
    E.Parts.emplace_back(Name, bytesIn(Parts.Get(Name)));
  return E;
}

static PartChoice choiceIn(Napi::Value Value) {
  if (Value.IsArray())
    return stringsIn(Value);
  return std::nullopt;
}

// ---- entries out

namespace {
// Results of a batch as JavaScript gets them. They are put together on the
// pool, so that the main thread has little more to do than to hand them on.
struct BatchRead {
  struct Part {
    std::string Name;
    Bytes Block;
    std::vector<uint32_t> Ends;
  };
  std::vector<uint8_t> Statuses;
  std::vector<std::string> Errors;
  std::vector<Part> Parts;
  double Size = 0;
};
} // namespace

// Entries before this one have no part of a new name.
static BatchRead::Part &partNamed(BatchRead &Batch, StringRef Name) {
  for (BatchRead::Part &Part : Batch.Parts)
    if (Part.Name == Name)
      return Part;
  std::vector<uint32_t> Ends(Batch.Statuses.size(), 0);
  Batch.Parts.push_back({Name.str(), {}, std::move(Ends)});
  return Batch.Parts.back();
}

// Its parts are in the blocks already.
static void addEntry(BatchRead &Batch, const EntryRead &Read) {
  for (BatchRead::Part &Part : Batch.Parts) {
    if (Read.Status != EntryStatus::Hit)
      Part.Block.truncate(Part.Ends.empty() ? 0 : Part.Ends.back());
    Part.Ends.push_back(Part.Block.size());
  }
  Batch.Statuses.push_back(static_cast<uint8_t>(Read.Status));
  Batch.Size += Read.Size;
  if (Read.Status == EntryStatus::Error)
    Batch.Errors.push_back(Read.Error);
}

static Napi::Value batchOut(Napi::Env Env, BatchRead &Batch) {
  auto Statuses = Napi::Uint8Array::New(Env, Batch.Statuses.size());
  copy(Batch.Statuses, Statuses.Data());
  Napi::Array Errors = Napi::Array::New(Env);
  for (const std::string &Text : Batch.Errors)
    Errors.Set(Errors.Length(), Text);
  Napi::Object Parts = Napi::Object::New(Env);
  for (BatchRead::Part &Part : Batch.Parts)
    Parts.Set(Part.Name, blockOut(Env, std::move(Part.Block), Part.Ends));
  Napi::Object Result = Napi::Object::New(Env);
  Result.Set("statuses", Statuses);
  Result.Set("errors", Errors);
  Result.Set("parts", Parts);
  Result.Set("size", Batch.Size);
  return Result;
}

// Reads Count entries on the pool.
template <class ReadOne>
static Napi::Value readJob(const Napi::CallbackInfo &Info, size_t Count,
                           PartChoice Choice, ReadOne Read) {
  return runJob<BatchRead>(
      Info,
      [Count, Choice = std::move(Choice),
       Read = std::move(Read)]() -> Expected<BatchRead> {
        BatchRead Batch;
        for (const std::string &Name :
             Choice.value_or(std::vector<std::string>()))
          partNamed(Batch, Name);
        auto Sink = [&](StringRef Name) -> Bytes & {
          return partNamed(Batch, Name).Block;
        };
        for (size_t I = 0; I != Count; ++I)
          addEntry(Batch, Read(I, Choice, Sink));
        return Batch;
      },
      batchOut);
}

// ---- jobs

// writeEntries(root, [{key, parts: {name: bytes}}])
static Napi::Value writeEntriesJob(const Napi::CallbackInfo &Info) {
  using Writes = std::vector<EntryWrite>;
  return runJob<Writes>(
      Info,
      [Root = stringIn(Info[0]), Entries = listIn(Info[1], entryIn)]()
          -> Expected<Writes> { return writeEntries(Root, Entries); },
      [](Napi::Env Env, Writes &Done) {
        Napi::Array Result = Napi::Array::New(Env, Done.size());
        for (size_t I = 0; I != Done.size(); ++I) {
          Napi::Object Item = Napi::Object::New(Env);
          Item.Set("size", static_cast<double>(Done[I].Size));
          if (!Done[I].Error.empty())
            Item.Set("error", Done[I].Error);
          Result.Set(I, Item);
        }
        return Result;
      });
}

// readEntries(root, keys, part names or null)
static Napi::Value readEntriesJob(const Napi::CallbackInfo &Info) {
  std::vector<StringRef> Keys = bytesListIn(Info[1]);
  size_t Count = Keys.size();
  return readJob(Info, Count, choiceIn(Info[2]),
                 [Root = stringIn(Info[0]), Keys = std::move(Keys)](
                     size_t I, const PartChoice &Choice, PartSink Sink) {
                   return readEntry(Root, Keys[I], Choice, true, Sink);
                 });
}

// checkEntries(root, keys): a read that is no use, and keeps nothing
static Napi::Value checkEntriesJob(const Napi::CallbackInfo &Info) {
  std::vector<StringRef> Keys = bytesListIn(Info[1]);
  size_t Count = Keys.size();
  return readJob(
      Info, Count, std::vector<std::string>(),
      [Root = stringIn(Info[0]),
       Keys = std::move(Keys)](size_t I, const PartChoice &, PartSink) {
        Bytes Scratch;
        return readEntry(Root, Keys[I], std::nullopt, false,
                         [&](StringRef) -> Bytes & { return Scratch; });
      });
}

// encodeEntries(entries, compress)
static Napi::Value encodeEntriesJob(const Napi::CallbackInfo &Info) {
  using Values = std::vector<Bytes>;
  return runJob<Values>(
      Info,
      [Entries = listIn(Info[0], entryIn),
       Compress = bool(Info[1].As<Napi::Boolean>())]() -> Expected<Values> {
        Values Done;
        for (const Entry &E : Entries)
          Done.push_back(encodeEntry(E, Compress));
        return Done;
      },
      [](Napi::Env Env, Values &Done) {
        Napi::Array Result = Napi::Array::New(Env, Done.size());
        for (size_t I = 0; I != Done.size(); ++I)
          Result.Set(I, bytesOut(Env, std::move(Done[I])));
        return Result;
      });
}

// decodeEntries(values, keys, part names or null)
static Napi::Value decodeEntriesJob(const Napi::CallbackInfo &Info) {
  std::vector<StringRef> Values = bytesListIn(Info[0]);
  size_t Count = Values.size();
  return readJob(Info, Count, choiceIn(Info[2]),
                 [Values = std::move(Values), Keys = bytesListIn(Info[1])](
                     size_t I, const PartChoice &Choice, PartSink Sink) {
                   return decodeEntry(Values[I], Keys[I], Choice, Sink);
                 });
}

// listFolders(root, folders): names, packed, and three numbers for each
static Napi::Value listFoldersJob(const Napi::CallbackInfo &Info) {
  using Files = std::vector<FolderFile>;
  return runJob<Files>(
      Info,
      [Root = stringIn(Info[0]), Names = stringsIn(Info[1])]()
          -> Expected<Files> { return listFolders(Root, Names); },
      [](Napi::Env Env, Files &Found) {
        Bytes Names;
        auto Numbers = Napi::Float64Array::New(Env, 3 * Found.size());
        for (size_t I = 0; I != Found.size(); ++I) {
          const FolderFile &File = Found[I];
          Names.append(File.Name.begin(), File.Name.end());
          Names.push_back('\0');
          Numbers[3 * I] = File.Size;
          Numbers[3 * I + 1] = File.Used;
          Numbers[3 * I + 2] = File.Written;
        }
        Napi::Object Result = Napi::Object::New(Env);
        Result.Set("names", bytesOut(Env, std::move(Names)));
        Result.Set("numbers", Numbers);
        return Result;
      });
}

static Napi::Value numberOut(Napi::Env Env, double Number) {
  return Napi::Number::New(Env, Number);
}

// removeFiles(paths): how many are gone
static Napi::Value removeFilesJob(const Napi::CallbackInfo &Info) {
  return runJob<uint32_t>(
      Info,
      [Paths = stringsIn(Info[0])]() -> Expected<uint32_t> {
        return removeFiles(Paths);
      },
      numberOut);
}

// lockFile(path): a number for unlockFile, or -1
static Napi::Value lockFileJob(const Napi::CallbackInfo &Info) {
  return runJob<int>(
      Info,
      [Path = stringIn(Info[0])]() -> Expected<int> { return lockFile(Path); },
      numberOut);
}

static void unlockFileNow(const Napi::CallbackInfo &Info) {
  unlockFile(Info[0].As<Napi::Number>());
}

void exportStores(Napi::Env Env, Napi::Object Exports) {
  auto Export = exporter(Env, Exports);
  Export("writeEntries", writeEntriesJob);
  Export("readEntries", readEntriesJob);
  Export("checkEntries", checkEntriesJob);
  Export("encodeEntries", encodeEntriesJob);
  Export("decodeEntries", decodeEntriesJob);
  Export("listFolders", listFoldersJob);
  Export("removeFiles", removeFilesJob);
  Export("lockFile", lockFileJob);
  Export("unlockFile", unlockFileNow);
}

} // namespace finegrain
