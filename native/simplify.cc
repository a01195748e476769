// One function's share of the walk that LLVM's own optimiser makes over a call
// graph. The functions it calls have been simplified before, each in a step
// like this one. Those worth inlining are imported; of the others it is told
// what their code proves. So the result depends on what is in the request, and
// a caller is done again only where that changed, not because something far
// below it was touched.
//
// The summary is what callers, and callers of callers, need to know, so that a
// warm build reads no bodies. In JSON, bytes of names as Latin-1:
//
// - digest: BLAKE3 of the body
// - origins: by position, the name before: "fg." and a position of the request
// - kept: names of the symbols without a local name
// - symbols: flags of the local names, then of the kept ones, see symbols.h
// - attributes: likewise, what their code proves, for functions it defines
// - sizes: likewise, see importSize()

#include "canonical.h"
#include "codegen.h"
#include "error.h"
#include "import.h"
#include "module_io.h"
#include "names.h"
#include "prepare.h"
#include "steps.h"
#include "summary.h"
#include "tbaa.h"
#include "llvm/Analysis/BlockFrequencyInfo.h"
#include "llvm/Analysis/BranchProbabilityInfo.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/Support/JSON.h"

using namespace llvm;

namespace finegrain {

// Whether LLVM expects it to be made in less than 2 of 100 runs of the caller.
static bool isColdCall(CallBase &Call) {
  Function &Caller = *Call.getFunction();
  DominatorTree Dominators(Caller);
  LoopInfo Loops(Dominators);
  BranchProbabilityInfo Probabilities(Caller, Loops);
  BlockFrequencyInfo Frequencies(Caller, Probabilities, Loops);
  return Frequencies.getBlockFreq(Call.getParent()) <
         Frequencies.getEntryFreq() * BranchProbability(2, 100);
}

// LLVM grants the only call of a static function so much that it is inlined
// whatever it costs, but for a cold one. Here the callee is not static, nor the
// call known to be the only one, so the call says it itself.
static void inlineOnlyCall(Function &Callee, TargetMachine &TM) {
  for (Use &U : Callee.uses()) {
    auto *Call = dyn_cast<CallBase>(U.getUser());
    if (!Call || !Call->isCallee(&U) || Call->isNoInline())
      continue;
    Function &Caller = *Call->getFunction();
    if (!Caller.hasOptNone() &&
        TM.getTargetTransformInfo(Caller).areInlineCompatible(&Caller,
                                                              &Callee) &&
        AttributeFuncs::areInlineCompatible(Caller, Callee) &&
        (Caller.hasMinSize() || !isColdCall(*Call)))
      Call->addFnAttr(Attribute::AlwaysInline);
  }
}

static void addKnownAttributes(Module &M, StringRef Packed) {
  std::vector<StringRef> Texts = unpackNames(Packed);
  for (size_t I = 0; I + 1 < Texts.size(); I += 2)
    if (Function *F = M.getFunction(Texts[I]); F && F->isDeclaration())
      addProvenAttributes(*F, Texts[I + 1]);
}

// JSON knows characters, symbols' names are bytes.
static std::string asLatin1(StringRef Name) {
  std::string Text;
  for (unsigned char C : Name) {
    if (C < 0x80) {
      Text += C;
    } else {
      Text += char(0xc0 | C >> 6);
      Text += char(0x80 | (C & 0x3f));
    }
  }
  return Text;
}

static std::string writeSummary(Module &M, const Unit &U) {
  auto Text = [](const PackedNames &Names) {
    return StringRef(Names.data(), Names.size());
  };
  std::vector<StringRef> Origins = unpackNames(Text(U.LinkNames));
  std::vector<StringRef> Kept = unpackNames(Text(U.KeptNames));
  std::vector<std::string> Attributes(U.Symbols.size());
  std::vector<unsigned> Sizes(U.Symbols.size());
  StringMap<size_t> KeptPositions;
  for (size_t I = 0; I != Kept.size(); ++I)
    KeptPositions[Kept[I]] = Origins.size() + I;
  for (Function &F : M) {
    if (F.isDeclaration())
      continue;
    std::optional<size_t> Local = localPosition(F.getName());
    size_t Position = Local && *Local < Origins.size()
                          ? *Local
                          : KeptPositions.lookup(F.getName());
    Attributes[Position] = provenAttributes(F);
    Sizes[Position] = importSize(F);
  }

  std::string Json;
  raw_string_ostream OS(Json);
  json::OStream J(OS);
  auto List = [&](StringRef Name, const auto &Values, auto Convert) {
    J.attributeArray(Name, [&] {
      for (const auto &Value : Values)
        J.value(Convert(Value));
    });
  };
  auto Number = [](uint32_t Value) { return int64_t(Value); };
  J.object([&] {
    J.attribute("digest", U.Digest);
    List("origins", Origins, asLatin1);
    List("kept", Kept, asLatin1);
    List("symbols", U.Symbols, Number);
    List("attributes", Attributes, asLatin1);
    List("sizes", Sizes, Number);
  });
  return Json;
}

static Error importAll(Module &M, ArrayRef<Import> Imports, TargetMachine &TM,
                       std::vector<std::string> &Names) {
  for (const Import &From : Imports) {
    Expected<std::vector<Function *>> Functions = importFunctions(M, From);
    if (!Functions)
      return Functions.takeError();
    for (Function *F : *Functions) {
      Names.push_back(F->getName().str());
      if (From.IsOnlyCall)
        inlineOnlyCall(*F, TM);
    }
  }
  if (!Imports.empty())
    mergeAccessTypes(M);
  return Error::success();
}

static Error moveMembers(PreparedBody &Body, ArrayRef<Member> Members) {
  for (const Member &Moved : Members) {
    Expected<std::unique_ptr<Module>> Source = Body.openOther(Moved.Body);
    if (!Source)
      return Source.takeError();
    moveMember(Body.module(), **Source, Moved);
  }
  if (!Members.empty())
    mergeAccessTypes(Body.module());
  return Error::success();
}

Expected<Simplified> simplify(const SimplifyRequest &Request,
                              const EmitOptions &Options) {
  Expected<std::unique_ptr<PreparedBody>> Prepared =
      PreparedBody::open(Request.Body, Options, /*IsVerified=*/true);
  if (!Prepared)
    return Prepared.takeError();
  Module &M = (*Prepared)->module();
  CodeGenerator &Generator = (*Prepared)->generator();
  if (Error E = moveMembers(**Prepared, Request.Members))
    return E;
  addKnownAttributes(M, Request.Attributes);

  auto [Early, Late] = StringRef(Options.Pipeline).split('|');
  Optimizer &Passes = Generator.optimizer();
  if (Error E = Passes.run(M, Early))
    return E;
  std::vector<std::string> Imported;
  if (Error E = importAll(M, Request.Imports, Generator.target(), Imported))
    return E;
  if (Error E = Passes.run(M, Late))
    return E;
  dropImported(M, Imported);
  if (Error E = Passes.run(M, "globaldce"))
    return E;
  for (const Member &Moved : Request.Members)
    keepMember(M, Moved);
  pruneAccessTypes(M);

  Simplified Result;
  Unit Body = canonicalize(M, SymbolFacts(), /*Again=*/true);
  Result.Summary = writeSummary(M, Body);
  Result.Body = std::move(Body.Body);
  if (Error E = (*Prepared)->finish())
    return E;
  return Result;
}

} // namespace finegrain
