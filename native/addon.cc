// What JavaScript sees of the steps up to an object. lib/native.ts is the typed
// other side of all that is exported.

#include "fingerprint.h"
#include "job.h"
#include "values.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include <memory>

using namespace llvm;

namespace finegrain {

void exportOutputs(Napi::Env Env, Napi::Object Exports); // addon_outputs.cc
void exportStores(Napi::Env Env, Napi::Object Exports);  // addon_stores.cc
void exportCas(Napi::Env Env, Napi::Object Exports);     // addon_cas.cc

static std::vector<uint32_t> wordsIn(Napi::Value Value) {
  auto Array = Value.As<Napi::Uint32Array>();
  return {Array.Data(), Array.Data() + Array.ElementLength()};
}

// ---- the steps

static Napi::Value versionInfo(const Napi::CallbackInfo &Info) {
  Version V = version();
  Napi::Object Result = Napi::Object::New(Info.Env());
  Result.Set("llvm", V.LLVM);
  Result.Set("revision", V.Revision);
  return Result;
}

static Napi::Value hostInfo(const Napi::CallbackInfo &Info) {
  Host H = host();
  Napi::Object Result = Napi::Object::New(Info.Env());
  Result.Set("triple", H.Triple);
  Result.Set("cpu", H.CPU);
  Result.Set("features", H.Features);
  return Result;
}

// readModules(bytes, name)
static Napi::Value readJob(const Napi::CallbackInfo &Info) {
  using Modules = std::vector<InputModule>;
  return runJob<Modules>(
      Info,
      [Input = bytesIn(Info[0]), Name = stringIn(Info[1])] {
        return readModules(Input, Name);
      },
      [](Napi::Env Env, Modules &Found) {
        Napi::Array Result = Napi::Array::New(Env, Found.size());
        for (size_t I = 0; I != Found.size(); ++I) {
          Napi::Object Item = Napi::Object::New(Env);
          Item.Set("name", Found[I].Name);
          Item.Set("bitcode", bytesOut(Env, std::move(Found[I].Bitcode)));
          Item.Set("digest", Found[I].Digest);
          Item.Set("id", Found[I].Id);
          Item.Set("tablesDigest", Found[I].TablesDigest);
          Item.Set("functionDigests",
                   bytesOut(Env, std::move(Found[I].FunctionDigests)));
          Item.Set("smallFunctions",
                   bytesOut(Env, std::move(Found[I].SmallFunctions)));
          Result.Set(I, Item);
        }
        return Result;
      });
}

// editFunctions(bitcode, count, first)
static Napi::Value editJob(const Napi::CallbackInfo &Info) {
  return runJob<Edited>(
      Info,
      [Bitcode = bytesIn(Info[0]), Count = Info[1].ToNumber().Int64Value(),
       First = Info[2].ToNumber().Int64Value()] {
        return editFunctions(Bitcode, Count, First);
      },
      [](Napi::Env Env, Edited &Done) {
        Napi::Object Result = Napi::Object::New(Env);
        Result.Set("bitcode", bytesOut(Env, std::move(Done.Bitcode)));
        Result.Set("count", Done.Count);
        return Result;
      });
}

static StringRef bytesOf(const Bytes &Content) {
  return {Content.data(), Content.size()};
}

static StringRef bytesOf(const std::vector<uint32_t> &Words) {
  return {reinterpret_cast<const char *>(Words.data()), 4 * Words.size()};
}

template <class T>
static Napi::Object unitsOut(Napi::Env Env, ArrayRef<Unit> Units,
                             T Unit::*Member) {
  return blockOut(Env, Units.size(),
                  [&](size_t I) { return bytesOf(Units[I].*Member); });
}

static Napi::Value splitOut(Napi::Env Env, SplitModule &Split) {
  std::string Digests, SymbolsDigests, Prints;
  for (const Unit &U : Split.Units) {
    Digests += U.Digest;
    SymbolsDigests += U.SymbolsDigest;
    Prints += U.Fingerprint.empty() ? std::string(Fingerprints::Size, '0')
                                    : U.Fingerprint;
  }
  std::vector<uint32_t> KnownIndices, KnownPlaces;
  for (const KnownUnit &U : Split.Known) {
    KnownIndices.push_back(U.Index);
    KnownPlaces.push_back(U.Place);
  }
  Napi::Object Result = Napi::Object::New(Env);
  Result.Set("triple", Split.Triple);
  Result.Set("functions", bytesOut(Env, std::move(Split.Functions)));
  Result.Set("slots", bytesOut(Env, std::move(Split.Slots)));
  Result.Set("labels", bytesOut(Env, std::move(Split.Labels)));
  Result.Set("indices", wordsOut(Env, Split.Indices));
  Result.Set("digests", Digests);
  Result.Set("symbolsDigests", SymbolsDigests);
  Result.Set("fingerprints", Prints);
  Result.Set("bodies", unitsOut(Env, Split.Units, &Unit::Body));
  Result.Set("linkNames", unitsOut(Env, Split.Units, &Unit::LinkNames));
  Result.Set("keptNames", unitsOut(Env, Split.Units, &Unit::KeptNames));
  Result.Set("symbols", unitsOut(Env, Split.Units, &Unit::Symbols));
  Result.Set("loaded", unitsOut(Env, Split.Units, &Unit::Loaded));
  Result.Set("knownIndices", wordsOut(Env, KnownIndices));
  Result.Set("knownPlaces", wordsOut(Env, KnownPlaces));
  Result.Set("knownLoaded", blockOut(Env, Split.Known.size(), [&](size_t I) {
               return bytesOf(Split.Known[I].Loaded);
             }));
  Result.Set("optional", wordsOut(Env, Split.Optional));
  Result.Set("optionalNames", bytesOut(Env, std::move(Split.OptionalNames)));
  Result.Set("wholeReason", Split.WholeReason);
  return Result;
}

// hash(bytes or string)
static Napi::Value hashNow(const Napi::CallbackInfo &Info) {
  std::string Text = Info[0].IsString() ? stringIn(Info[0]) : "";
  StringRef Content = Info[0].IsString() ? StringRef(Text) : bytesIn(Info[0]);
  auto Digest = BLAKE3::hash(arrayRefFromStringRef(Content));
  return Napi::Buffer<uint8_t>::Copy(Info.Env(), Digest.data(), Digest.size());
}

// splitModule(bitcode, options)
static Napi::Value splitJob(const Napi::CallbackInfo &Info) {
  auto Object = Info[1].As<Napi::Object>();
  SplitOptions Options;
  Options.ByFunction = Object.Get("byFunction").As<Napi::Boolean>();
  Options.KeepTypeAliasing = Object.Get("keepTypeAliasing").As<Napi::Boolean>();
  Options.ForSimplify = Object.Get("forSimplify").As<Napi::Boolean>();
  StringRef Small = bytesIn(Object.Get("smallFunctions"));
  Options.SmallFunctions = ArrayRef(Small.data(), Small.size());
  Options.ModuleId = stringIn(Object.Get("moduleId"));
  Options.Shard = Object.Get("shard").As<Napi::Number>();
  Options.ShardCount = Object.Get("shardCount").As<Napi::Number>();
  if (Object.Has("only"))
    Options.Only = wordsIn(Object.Get("only"));
  Options.WithFingerprints = Object.Get("fingerprints").As<Napi::Boolean>();
  Options.Known = stringIn(Object.Get("known"));
  return runJob<SplitModule>(
      Info,
      [Bitcode = bytesIn(Info[0]), Options = std::move(Options)] {
        return splitModule(Bitcode, Options);
      },
      splitOut);
}

static EmitOptions emitOptionsIn(Napi::Object Object) {
  EmitOptions Options;
  Options.Triple = stringIn(Object.Get("triple"));
  Options.CPU = stringIn(Object.Get("cpu"));
  Options.Features = stringIn(Object.Get("features"));
  Options.Pipeline = stringIn(Object.Get("pipeline"));
  Options.Vectorize = Object.Get("vectorize").As<Napi::Boolean>();
  Options.CodeGenLevel = Object.Get("codegenLevel").As<Napi::Number>();
  Options.RelocationModel = stringIn(Object.Get("relocationModel"));
  Options.CodeModel = stringIn(Object.Get("codeModel"));
  std::string Kind = stringIn(Object.Get("kind"));
  Options.Kind = Kind == "asm"       ? Output::Assembly
                 : Kind == "bitcode" ? Output::Bitcode
                                     : Output::Object;
  return Options;
}

// One job for several requests, each with an outcome of its own.
template <class Result, class Request, class Step>
static std::vector<Expected<Result>> inTurn(ArrayRef<Request> Requests,
                                            Step DoStep) {
  std::vector<Expected<Result>> Outcomes;
  for (const Request &R : Requests)
    Outcomes.push_back(resultOf<Result>([&] { return DoStep(R); }));
  return Outcomes;
}

template <class Result>
static Napi::Array errorsOut(Napi::Env Env,
                             std::vector<Expected<Result>> &Outcomes) {
  Napi::Array Errors = Napi::Array::New(Env);
  for (size_t I = 0; I != Outcomes.size(); ++I)
    if (Error Failure = Outcomes[I].takeError())
      Errors.Set(I, toJsError(Env, std::move(Failure)));
  return Errors;
}

static OtherBody otherBodyIn(Napi::Object Item) {
  return {bytesIn(Item.Get("body")), wordsIn(Item.Get("positions"))};
}

static Member memberIn(Napi::Value Value) {
  auto Item = Value.As<Napi::Object>();
  return {otherBodyIn(Item), bytesIn(Item.Get("function")).str()};
}

static Import importIn(Napi::Value Value) {
  auto Item = Value.As<Napi::Object>();
  return {otherBodyIn(Item), copyIn(Item.Get("functions")),
          Item.Get("isOnlyCall").As<Napi::Boolean>()};
}

static SimplifyRequest simplifyRequestIn(Napi::Value Value) {
  auto Item = Value.As<Napi::Object>();
  return {bytesIn(Item.Get("body")), listIn(Item.Get("members"), memberIn),
          listIn(Item.Get("imports"), importIn),
          bytesIn(Item.Get("attributes"))};
}

static EmitRequest emitRequestIn(Napi::Value Value) {
  auto Item = Value.As<Napi::Object>();
  return {bytesIn(Item.Get("body")), bytesIn(Item.Get("linkNames"))};
}

// simplify([{body, members: [{body, positions, function}],
// imports: [{body, positions, functions, isOnlyCall}], attributes}], options)
static Napi::Value simplifyJob(const Napi::CallbackInfo &Info) {
  using Outcomes = std::vector<Expected<Simplified>>;
  return runJob<Outcomes>(
      Info,
      [Requests = listIn(Info[0], simplifyRequestIn),
       Options = emitOptionsIn(Info[1].As<Napi::Object>())] {
        return inTurn<Simplified, SimplifyRequest>(
            Requests, [&](const auto &R) { return simplify(R, Options); });
      },
      [](Napi::Env Env, Outcomes &Done) {
        Napi::Object Result = Napi::Object::New(Env);
        Result.Set("errors", errorsOut(Env, Done));
        Result.Set("bodies", blockOut(Env, Done.size(), [&](size_t I) {
                     return Done[I] ? bytesOf(Done[I]->Body) : StringRef();
                   }));
        Result.Set("summaries", blockOut(Env, Done.size(), [&](size_t I) {
                     return Done[I] ? StringRef(Done[I]->Summary) : StringRef();
                   }));
        return Result;
      });
}

// emit([{body, linkNames}], options)
static Napi::Value emitJob(const Napi::CallbackInfo &Info) {
  using Outcomes = std::vector<Expected<Bytes>>;
  return runJob<Outcomes>(
      Info,
      [Requests = listIn(Info[0], emitRequestIn),
       Options = emitOptionsIn(Info[1].As<Napi::Object>())] {
        return inTurn<Bytes, EmitRequest>(
            Requests, [&](const auto &R) { return emit(R, Options); });
      },
      [](Napi::Env Env, Outcomes &Done) {
        Napi::Object Result = Napi::Object::New(Env);
        Result.Set("errors", errorsOut(Env, Done));
        Result.Set("code", blockOut(Env, Done.size(), [&](size_t I) {
                     return Done[I] ? bytesOf(*Done[I]) : StringRef();
                   }));
        return Result;
      });
}

static Napi::Object initialize(Napi::Env Env, Napi::Object Exports) {
  static bool IsFirst = true; // worker threads load the addon again
  if (std::exchange(IsFirst, false))
    installFatalErrorHandler();
  auto Export = exporter(Env, Exports);
  Export("version", versionInfo);
  Export("host", hostInfo);
  Export("readModules", readJob);
  Export("editFunctions", editJob);
  Export("hash", hashNow);
  Export("splitModule", splitJob);
  Export("simplify", simplifyJob);
  Export("emit", emitJob);
  exportOutputs(Env, Exports);
  exportStores(Env, Exports);
  exportCas(Env, Exports);
  return Exports;
}

} // namespace finegrain

static Napi::Object initializeAddon(Napi::Env Env, Napi::Object Exports) {
  return finegrain::initialize(Env, Exports);
}
NODE_API_MODULE(finegrain, initializeAddon)
