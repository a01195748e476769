#include "target.h"
#include "error.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include <algorithm>
#include <mutex>

using namespace llvm;

namespace finegrain {

void initializeTargets() {
  static std::once_flag Once;
  std::call_once(Once, [] {
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
    InitializeAllAsmParsers(); // for inline assembly
  });
}

Host host() {
  // The map of features has no order of its own; the key needs one.
  std::vector<std::string> Features;
  for (const auto &Feature : sys::getHostCPUFeatures())
    Features.push_back((Feature.second ? "+" : "-") + Feature.first().str());
  std::sort(Features.begin(), Features.end());
  return {sys::getDefaultTargetTriple(), sys::getHostCPUName().str(),
          join(Features, ",")};
}

static TargetOptions targetOptions(CodeGenOptLevel Level, bool HasDebugInfo) {
  TargetOptions Options;
  // The default, .ctors, is a section that today's loaders never run.
  Options.UseInitArray = true;
  // Section names would carry symbol names into the object.
  Options.UniqueSectionNames = false;
  // Lets debuggers recover arguments that optimisation has removed.
  Options.EmitCallSiteInfo = HasDebugInfo && Level != CodeGenOptLevel::None;
  return Options;
}

static bool isKnownFeature(const MCSubtargetInfo &Known, StringRef Feature) {
  StringRef Name = SubtargetFeatures::StripFlag(Feature);
  ArrayRef<SubtargetFeatureKV> Features = Known.getAllProcessorFeatures();
  const auto *Found = lower_bound(Features, Name); // LLVM sorts them by name
  return Found != Features.end() && Name == Found->Key;
}

Error checkProcessor(const Target &T, const Triple &TT, StringRef CPU,
                     StringRef Features) {
  std::unique_ptr<MCSubtargetInfo> Known(T.createMCSubtargetInfo(TT, "", ""));
  if (!Known)
    return Error::success();
  if (!CPU.empty() && !Known->isCPUStringValid(CPU))
    return stepError("UNKNOWN_TARGET",
                     "unknown CPU '" + CPU + "' for target '" + TT.str() + "'");
  const SubtargetFeatures Wanted(Features);
  for (const std::string &Feature : Wanted.getFeatures()) {
    if (!isKnownFeature(*Known, Feature) ||
        !SubtargetFeatures::hasFlag(Feature))
      return stepError("UNKNOWN_TARGET", "unknown feature '" + Feature +
                                             "' for target '" + TT.str() +
                                             "': write +name or -name");
  }
  return Error::success();
}

void dropUnknownProcessors(Module &M, const TargetMachine &TM) {
  const MCSubtargetInfo &Known = *TM.getMCSubtargetInfo();
  StringMap<std::string> KnownFeatures; // by the attribute's text
  for (Function &F : M) {
    for (StringRef Kind : {"target-cpu", "tune-cpu"}) {
      StringRef CPU = F.getFnAttribute(Kind).getValueAsString();
      if (!CPU.empty() && !Known.isCPUStringValid(CPU))
        F.removeFnAttr(Kind);
    }
    StringRef Features = F.getFnAttribute("target-features").getValueAsString();
    auto [Entry, IsNew] = KnownFeatures.try_emplace(Features);
    if (IsNew)
      for (StringRef Feature : split(Features, ','))
        if (isKnownFeature(Known, Feature))
          Entry->second += (Entry->second.empty() ? "" : ",") + Feature.str();
    if (Entry->second != Features)
      F.addFnAttr("target-features", Entry->second);
  }
}

static Expected<std::optional<CodeModel::Model>>
codeModel(StringRef Name, std::optional<CodeModel::Model> Default) {
  if (Name.empty())
    return Default;
  if (Name == "small")
    return CodeModel::Small;
  if (Name == "kernel")
    return CodeModel::Kernel;
  if (Name == "medium")
    return CodeModel::Medium;
  if (Name == "large")
    return CodeModel::Large;
  return stepError("INVALID_OPTION", "unknown code model '" + Name + "'");
}

Expected<std::unique_ptr<TargetMachine>>
createTargetMachine(const EmitOptions &Options,
                    std::optional<CodeModel::Model> ModuleCodeModel,
                    bool HasDebugInfo) {
  initializeTargets();
  Triple TT(Options.Triple);
  std::string Message;
  const Target *T = TargetRegistry::lookupTarget(TT, Message);
  if (!T)
    return stepError("UNKNOWN_TARGET", Message);
  if (!TT.isOSBinFormatELF())
    return stepError("UNKNOWN_TARGET",
                     "target '" + TT.str() + "' has no ELF objects");
  if (Error E = checkProcessor(*T, TT, Options.CPU, Options.Features))
    return E;
  Expected<std::optional<CodeModel::Model>> Model =
      codeModel(Options.CodeModel, ModuleCodeModel);
  if (!Model)
    return Model.takeError();
  auto Level = static_cast<CodeGenOptLevel>(Options.CodeGenLevel);
  std::unique_ptr<TargetMachine> TM(T->createTargetMachine(
      TT, Options.CPU, Options.Features, targetOptions(Level, HasDebugInfo),
      Options.RelocationModel == "static" ? Reloc::Static : Reloc::PIC_, *Model,
      Level));
  if (!TM)
    return stepError("UNKNOWN_TARGET",
                     "target '" + TT.str() + "' has no code generator");
  return TM;
}

} // namespace finegrain
