// Optimisation and code generation of one body after the other on one thread.
//
// Setting up a target and its passes takes a millisecond, as long as generating
// a small function's code. So each thread keeps the last set it used, and uses
// it for every object that comes out the same as from a fresh one.

#ifndef FINEGRAIN_CODEGEN_H
#define FINEGRAIN_CODEGEN_H

#include "optimizer.h"
#include "steps.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>

namespace finegrain {

class CodeGenerator {
public:
  // Takes this thread's generator if it fits, else makes one. What is taken
  // is to be given back with keep(), unless LLVM failed in the middle of its
  // use.
  static llvm::Expected<std::unique_ptr<CodeGenerator>>
  take(const EmitOptions &Options, const llvm::Module &M);
  static void keep(std::unique_ptr<CodeGenerator> Generator);

  llvm::TargetMachine &target() { return *TM; }
  Optimizer &optimizer() { return *IRPasses; }

  // Writes assembly or an object, as Options.Kind said.
  llvm::Expected<Bytes> run(llvm::Module &M);

private:
  CodeGenerator() : OS(Code) {}
  llvm::Error addPasses();
  void renumberFunctions();

  std::string Configuration; // empty: for one module only
  Output Kind = Output::Object;
  std::unique_ptr<llvm::TargetMachine> TM;
  std::unique_ptr<Optimizer> IRPasses;
  Bytes Code;
  llvm::raw_svector_ostream OS;
  std::unique_ptr<llvm::legacy::PassManager> Passes;
  llvm::MachineModuleInfoWrapperPass *ModuleInfo = nullptr; // Passes own it
};

} // namespace finegrain

#endif
