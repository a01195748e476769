#include "codegen.h"
#include "error.h"
#include "target.h"

using namespace llvm;

namespace finegrain {

static thread_local std::unique_ptr<CodeGenerator> Kept;

// All that createTargetMachine and the passes depend on.
static std::string configuration(const EmitOptions &Options,
                                 std::optional<CodeModel::Model> CodeModel) {
  std::string Text;
  raw_string_ostream OS(Text);
  OS << Options.Triple << '\n'
     << Options.CPU << '\n'
     << Options.Features << '\n'
     << Options.CodeGenLevel << '\n'
     << Options.RelocationModel << '\n'
     << Options.CodeModel << '\n'
     << (CodeModel ? int(*CodeModel) : -1) << '\n'
     << int(Options.Kind);
  return Text;
}

Expected<std::unique_ptr<CodeGenerator>>
CodeGenerator::take(const EmitOptions &Options,
                    std::optional<CodeModel::Model> ModuleCodeModel) {
  std::unique_ptr<CodeGenerator> Generator = std::move(Kept);
  std::string Wanted = configuration(Options, ModuleCodeModel);
  if (Generator && Generator->Configuration == Wanted)
    return Generator;
  Expected<std::unique_ptr<TargetMachine>> TM =
      createTargetMachine(Options, ModuleCodeModel);
  if (!TM)
    return TM.takeError();
  Generator.reset(new CodeGenerator());
  Generator->Configuration = std::move(Wanted);
  Generator->Kind = Options.Kind;
  Generator->TM = std::move(*TM);
  return Generator;
}

void CodeGenerator::keep(std::unique_ptr<CodeGenerator> Generator) {
  Kept = std::move(Generator);
}

Error CodeGenerator::addPasses() {
  Passes = std::make_unique<legacy::PassManager>();
  auto FileType = Kind == Output::Assembly ? CodeGenFileType::AssemblyFile
                                           : CodeGenFileType::ObjectFile;
  if (TM->addPassesToEmitFile(*Passes, OS, nullptr, FileType))
    return stepError("CODEGEN_FAILED",
                     "the target cannot write a file of this type");
  return Error::success();
}

Expected<Bytes> CodeGenerator::run(Module &M) {
  if (!Passes)
    if (Error E = addPasses())
      return E;
  Passes->run(M);
  return std::exchange(Code, Bytes());
}

} // namespace finegrain
