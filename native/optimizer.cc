// The pieces of "default<LEVEL>", by the names that pipelines may use beside
// LLVM's own:
//
//   early-simplify<LEVEL>   what comes before inlining
//   inline-simplify<LEVEL>  inlining, simplification, inference of attributes
//   optimize<LEVEL>         what comes after: vectorising, unrolling and so on

#include "optimizer.h"
#include "error.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/InlineAdvisor.h"
#include "llvm/Analysis/ProfileSummaryInfo.h"
#include "llvm/Analysis/ReplayInlineAdvisor.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/Transforms/Coroutines/CoroEarly.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/IPO/InferFunctionAttrs.h"
#include "llvm/Transforms/IPO/Inliner.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/CallSiteSplitting.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LowerExpectIntrinsic.h"
#include "llvm/Transforms/Scalar/SCCP.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/EntryExitInstrumenter.h"
#include "llvm/Transforms/Utils/Mem2Reg.h"

using namespace llvm;

namespace finegrain {

static PipelineTuningOptions tuning(bool Vectorize) {
  PipelineTuningOptions Tuning;
  Tuning.LoopVectorization = Vectorize;
  Tuning.SLPVectorization = Vectorize;
  return Tuning;
}

// As LLVM's buildModuleSimplificationPipeline begins, without its passes over
// the whole module, which have nothing to look at here.
static void addEarlyPasses(ModulePassManager &Passes, OptimizationLevel Level) {
  Passes.addPass(InferFunctionAttrsPass());
  Passes.addPass(CoroEarlyPass());
  FunctionPassManager Early;
  Early.addPass(EntryExitInstrumenterPass(/*PostInlining=*/false));
  Early.addPass(LowerExpectIntrinsicPass());
  Early.addPass(SimplifyCFGPass());
  Early.addPass(SROAPass(SROAOptions::ModifyCFG));
  Early.addPass(EarlyCSEPass());
  if (Level == OptimizationLevel::O3)
    Early.addPass(CallSiteSplittingPass());
  Early.addPass(SCCPPass()); // IPSCCP's share within a function
  Early.addPass(PromotePass());
  Early.addPass(InstCombinePass());
  Early.addPass(
      SimplifyCFGPass(SimplifyCFGOptions().convertSwitchRangeToICmp(true)));
  Passes.addPass(createModuleToFunctionPassAdaptor(std::move(Early),
                                                   /*EagerlyInvalidate=*/true));
}

namespace {
// Decides what is inlined.
struct CreateAdvisorPass : PassInfoMixin<CreateAdvisorPass> {
  OptimizationLevel Level;

  explicit CreateAdvisorPass(OptimizationLevel Level) : Level(Level) {}
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &MAM) {
    MAM.getResult<InlineAdvisorAnalysis>(M).tryCreate(
        getInlineParams(Level.getSpeedupLevel(), Level.getSizeLevel()),
        InliningAdvisorMode::Default, {},
        InlineContext{ThinOrFullLTOPhase::None, InlinePass::CGSCCInliner});
    return PreservedAnalyses::all();
  }
};

// What was imported is as simple as it gets. LLVM has a mark for that.
struct SkipImportedPass : PassInfoMixin<SkipImportedPass> {
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &MAM) {
    auto &FAM =
        MAM.getResult<FunctionAnalysisManagerModuleProxy>(M).getManager();
    for (Function &F : M)
      if (F.hasAvailableExternallyLinkage())
        FAM.getResult<ShouldNotRunFunctionPassesAnalysis>(F);
    return PreservedAnalyses::all();
  }
};
} // namespace

// The heart of LLVM's inliner pipeline: the walk over the call graph. What is
// around it runs once only, and looks at the module's other globals, which are
// not here.
static void addInliner(PassBuilder &Builder, ModulePassManager &Passes,
                       OptimizationLevel Level) {
  ModuleInlinerWrapperPass Whole =
      Builder.buildInlinerPipeline(Level, ThinOrFullLTOPhase::None);
  constexpr int MaxDevirtIterations = 4; // LLVM's own
  Passes.addPass(RequireAnalysisPass<ProfileSummaryAnalysis, Module>());
  Passes.addPass(CreateAdvisorPass(Level));
  Passes.addPass(
      createModuleToPostOrderCGSCCPassAdaptor(createDevirtSCCRepeatedPass(
          std::move(Whole.getPM()), MaxDevirtIterations)));
}

static std::optional<OptimizationLevel> levelIn(StringRef Text) {
  return StringSwitch<std::optional<OptimizationLevel>>(Text)
      .Case("O1", OptimizationLevel::O1)
      .Case("O2", OptimizationLevel::O2)
      .Case("O3", OptimizationLevel::O3)
      .Case("Os", OptimizationLevel::Os)
      .Case("Oz", OptimizationLevel::Oz)
      .Default(std::nullopt);
}

static bool addPiece(PassBuilder &Builder, StringRef Name,
                     ModulePassManager &Passes) {
  auto [Piece, Rest] = Name.split('<');
  std::optional<OptimizationLevel> Level = levelIn(Rest.drop_back());
  if (!Level || !Rest.ends_with(">"))
    return false;
  if (Piece == "early-simplify") {
    addEarlyPasses(Passes, *Level);
  } else if (Piece == "inline-simplify") {
    Passes.addPass(AlwaysInlinerPass(/*InsertLifetime=*/true));
    Passes.addPass(SkipImportedPass());
    addInliner(Builder, Passes, *Level);
  } else if (Piece == "optimize") {
    Passes.addPass(Builder.buildModuleOptimizationPipeline(
        *Level, ThinOrFullLTOPhase::None));
  } else {
    return false;
  }
  return true;
}

Optimizer::Optimizer(TargetMachine &TM, bool Vectorize)
    : OptNone(/*DebugLogging=*/false),
      Builder(&TM, tuning(Vectorize), /*PGOOpt=*/std::nullopt, &Callbacks) {
  OptNone.registerCallbacks(Callbacks);
  // As clang does: debug information then follows variables that are split up.
  Builder.registerPipelineStartEPCallback(
      [](ModulePassManager &Passes, OptimizationLevel Level) {
        if (Level != OptimizationLevel::O0)
          Passes.addPass(AssignmentTrackingPass());
      });
  Builder.registerPipelineParsingCallback(
      [this](StringRef Name, ModulePassManager &Passes,
             ArrayRef<PassBuilder::PipelineElement>) {
        return addPiece(Builder, Name, Passes);
      });
  Builder.registerModuleAnalyses(MAM);
  Builder.registerCGSCCAnalyses(CGAM);
  Builder.registerFunctionAnalyses(FAM);
  Builder.registerLoopAnalyses(LAM);
  Builder.crossRegisterProxies(LAM, FAM, CGAM, MAM);
}

// LLVM's own inliner pipeline uses itself up.
static bool canRunAgain(StringRef Pipeline) {
  return !Pipeline.contains("default<");
}

Error Optimizer::run(Module &M, StringRef Pipeline) {
  auto [Entry, IsNew] = Pipelines.try_emplace(Pipeline);
  ModulePassManager &Passes = Entry->second;
  if (IsNew)
    if (Error E = Builder.parsePassPipeline(Passes, Pipeline))
      return stepError("INVALID_OPTION", std::move(E));
  Passes.run(M, MAM);
  forget();
  if (!canRunAgain(Pipeline))
    Pipelines.erase(Entry);
  return Error::success();
}

void Optimizer::forget() {
  MAM.clear();
  CGAM.clear();
  FAM.clear();
  LAM.clear();
}

} // namespace finegrain
