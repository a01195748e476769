// What JavaScript sees of LLVM's on-disk CAS. These are no jobs: the process
// that calls them has nothing else to do.

#include "cas.h"
#include "job.h"
#include "values.h"

using namespace llvm;

namespace finegrain {

template <class T> static T orThrow(Napi::Env Env, Expected<T> Result) {
  if (!Result)
    throw Napi::Error(Env, toJsError(Env, Result.takeError()));
  return std::move(*Result);
}

static CASFolder &folderIn(Napi::Value Value) {
  return *Value.As<Napi::External<CASFolder>>().Data();
}

static std::vector<StringRef> keysIn(Napi::Value Value) {
  std::vector<StringRef> Keys;
  for (StringRef Rest = bytesIn(Value); Rest.size() >= CASFolder::KeySize;
       Rest = Rest.drop_front(CASFolder::KeySize))
    Keys.push_back(Rest.take_front(CASFolder::KeySize));
  return Keys;
}

static Napi::Value bytesOut(Napi::Env Env, StringRef Content) {
  return Napi::Buffer<char>::Copy(Env, Content.data(), Content.size());
}

// openCas(path, capacity)
static Napi::Value openCas(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  uint64_t Capacity = Info[1].As<Napi::Number>().Int64Value();
  auto Folder = orThrow(Env, CASFolder::open(stringIn(Info[0]), Capacity));
  return Napi::External<CASFolder>::New(Env, Folder.release());
}

// closeCas(folder): nothing is called with it any more
static void closeCas(const Napi::CallbackInfo &Info) {
  delete &folderIn(Info[0]);
}

// casGet(folder, keys): a block of values
static Napi::Value casGet(const Napi::CallbackInfo &Info) {
  std::vector<StringRef> Values;
  for (StringRef Key : keysIn(Info[1]))
    Values.push_back(orThrow(Info.Env(), folderIn(Info[0]).get(Key)));
  return blockOut(Info.Env(), Values.size(),
                  [&](size_t I) { return Values[I]; });
}

// casPut(folder, keys, values, ends)
static void casPut(const Napi::CallbackInfo &Info) {
  StringRef Values = bytesIn(Info[2]);
  auto Ends = Info[3].As<Napi::Uint32Array>();
  size_t Start = 0;
  for (auto [I, Key] : enumerate(keysIn(Info[1]))) {
    StringRef Value = Values.slice(Start, Ends[I]);
    if (Error Failure = folderIn(Info[0]).put(Key, Value))
      throw Napi::Error(Info.Env(), toJsError(Info.Env(), std::move(Failure)));
    Start = Ends[I];
  }
}

// casRemove(folder, keys)
static void casRemove(const Napi::CallbackInfo &Info) {
  for (StringRef Key : keysIn(Info[1]))
    folderIn(Info[0]).remove(Key);
}

// casKeys(folder)
static Napi::Value casKeys(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  return bytesOut(Env, orThrow(Env, folderIn(Info[0]).keys()));
}

// casSizes(folder)
static Napi::Value casSizes(const Napi::CallbackInfo &Info) {
  Napi::Object Result = Napi::Object::New(Info.Env());
  const CASFolder &Folder = folderIn(Info[0]);
  Result.Set("size", static_cast<double>(Folder.size()));
  Result.Set("capacity", static_cast<double>(Folder.capacity()));
  return Result;
}

void exportCas(Napi::Env Env, Napi::Object Exports) {
  auto Export = exporter(Env, Exports);
  Export("openCas", openCas);
  Export("closeCas", closeCas);
  Export("casGet", casGet);
  Export("casPut", casPut);
  Export("casRemove", casRemove);
  Export("casKeys", casKeys);
  Export("casSizes", casSizes);
}

} // namespace finegrain
