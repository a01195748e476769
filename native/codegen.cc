#include "codegen.h"
#include "error.h"
#include "target.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"

using namespace llvm;

namespace finegrain {

static thread_local std::unique_ptr<CodeGenerator> Kept;

static bool hasDebugInfo(const Module &M) {
  return M.getNamedMetadata("llvm.dbg.cu") != nullptr;
}

// Whether a generator that has seen other modules treats M as a fresh one
// would. Labels in assembly may hold a number that LLVM counts on from module
// to module; passes for debug information and garbage collection keep what they
// know of a module that is gone.
static bool canShareGenerator(const Module &M) {
  if (!M.getModuleInlineAsm().empty() || hasDebugInfo(M))
    return false;
  for (const Function &F : M) {
    if (F.hasGC())
      return false;
    for (const Instruction &I : instructions(F))
      if (auto *Call = dyn_cast<CallBase>(&I))
        if (Call->isInlineAsm())
          return false;
  }
  return true;
}

// All that the target and the passes depend on, or "" where they must be new.
static std::string configuration(const EmitOptions &Options, const Module &M) {
  if (Options.Kind != Output::Object || !canShareGenerator(M))
    return "";
  std::optional<CodeModel::Model> CodeModel = M.getCodeModel();
  std::string Text;
  raw_string_ostream OS(Text);
  OS << Options.Triple << '\n'
     << Options.CPU << '\n'
     << Options.Features << '\n'
     << Options.CodeGenLevel << '\n'
     << Options.Vectorize << '\n'
     << Options.RelocationModel << '\n'
     << Options.CodeModel << '\n'
     << (CodeModel ? int(*CodeModel) : -1);
  return Text;
}

Expected<std::unique_ptr<CodeGenerator>>
CodeGenerator::take(const EmitOptions &Options, const Module &M) {
  std::string Wanted = configuration(Options, M);
  if (Kept && !Wanted.empty() && Kept->Configuration == Wanted)
    return std::move(Kept);
  Expected<std::unique_ptr<TargetMachine>> TM =
      createTargetMachine(Options, M.getCodeModel(), hasDebugInfo(M));
  if (!TM)
    return TM.takeError();
  std::unique_ptr<CodeGenerator> Generator(new CodeGenerator());
  Generator->Configuration = std::move(Wanted);
  Generator->Kind = Options.Kind;
  Generator->TM = std::move(*TM);
  Generator->IRPasses =
      std::make_unique<Optimizer>(*Generator->TM, Options.Vectorize);
  return Generator;
}

void CodeGenerator::keep(std::unique_ptr<CodeGenerator> Generator) {
  if (!Generator->Configuration.empty())
    Kept = std::move(Generator);
}

Error CodeGenerator::addPasses() {
  Passes = std::make_unique<legacy::PassManager>();
  ModuleInfo = new MachineModuleInfoWrapperPass(TM.get());
  auto FileType = Kind == Output::Assembly ? CodeGenFileType::AssemblyFile
                                           : CodeGenFileType::ObjectFile;
  if (TM->addPassesToEmitFile(*Passes, OS, nullptr, FileType,
                              /*DisableVerify=*/true, ModuleInfo))
    return stepError("CODEGEN_FAILED",
                     "the target cannot write a file of this type");
  return Error::success();
}

// The number of a function is in the names of its constants and tables. LLVM
// has no way to set it back but to make the object anew, where it stands.
void CodeGenerator::renumberFunctions() {
  MachineModuleInfo &Info = ModuleInfo->getMMI();
  Info.~MachineModuleInfo();
  new (&Info) MachineModuleInfo(TM.get());
}

Expected<Bytes> CodeGenerator::run(Module &M) {
  if (Passes)
    renumberFunctions();
  else if (Error E = addPasses())
    return E;
  Passes->run(M);
  return std::exchange(Code, Bytes());
}

} // namespace finegrain
